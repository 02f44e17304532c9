#!/bin/bash
# SPDX-License-Identifier: MIT
# What can be said about style without reading: format, blanks, lengths. Silent when all is well.
#
#   tools/style.sh            check
#   tools/style.sh --lengths  print the median, the 90th percentile and the ten longest functions
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0

complain() {
	printf '%s\n' "$*" >&2
	failed=1
}

sources() {
	git ls-files -co --exclude-standard -- '*.c' '*.h'
}

texts() {
	git ls-files -co --exclude-standard -- '*.c' '*.h' '*.cl' '*.sh' '*.cmake' '*.md' '*.txt' '*.py' |
		grep -v '^tests/data/'
}

# "lines name file:line" of every function: a body is what stands between { and } in column one.
function_lengths() {
	sources | xargs awk '
		FNR == 1 { head = "" }
		/^[a-zA-Z_].*\(/ && !/;[ \t]*$/ { head = $0; at = FNR }
		/^{/ && head != "" { begin = FNR }
		/^}/ && begin {
			name = head; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
			print FNR - begin - 1, name, FILENAME ":" at
			begin = 0; head = ""
		}'
}

check_format() {
	local tool
	tool=$(command -v clang-format-14 || true)
	# Other releases break lines elsewhere; one decides.
	[ -n "$tool" ] || return 0
	sources | xargs "$tool" --dry-run -Werror 2>&1 | grep -E 'error:' | head -n 20 >&2 && failed=1
	return 0
}

check_blanks() {
	local file
	texts | while read -r file; do
		[ -s "$file" ] || continue
		grep -nP '[ \t]+$' "$file" | sed "s|^|$file:|; s|\$| (trailing blank)|"
		[ -z "$(tail -c 1 "$file")" ] || echo "$file: no newline at the end"
		grep -nP '[\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2066}-\x{2069}\x{FEFF}]' "$file" |
			sed "s|^|$file:|; s|\$| (invisible character)|"
	done
}

check_lengths() {
	function_lengths | awk '$1 > 100 { print $3 ": " $2 " has " $1 " lines, over 100" }'
	sources | grep -v '^tests/' | xargs wc -l |
		awk '$2 != "total" && $1 > 900 { print $2 ": " $1 " lines, over 900" }'
}

check_openings() {
	local file
	sources | grep '\.c$' | while read -r file; do
		head -n 1 "$file" | grep -q 'SPDX-License-Identifier' || echo "$file: no licence line"
		sed -n 2p "$file" | grep -q '^/\*' || echo "$file: does not say what it owns"
	done
}

if [ "${1:-}" = --lengths ]; then
	function_lengths | sort -n | awk '
		{ n[NR] = $1; line[NR] = $0 }
		END {
			print NR " functions, median " n[int((NR + 1) / 2)] ", 90 % " n[int(NR * 0.9)] ", longest:"
			for (i = NR; i > NR - 10 && i > 0; i--) print line[i]
		}'
	exit 0
fi
check_format
problems=$({ check_blanks; check_lengths; check_openings; } | head -n 40)
[ -z "$problems" ] || complain "$problems"
exit $failed
