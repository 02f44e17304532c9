# SPDX-License-Identifier: MIT
# Completion of slm for bash. What is offered, slm itself says (slm complete WORD...).

# A word as it was typed, without its quotes.
_slm_unquoted() {
	local word=$1
	case $word in
	\'*) word=${word#\'} ;;
	\"*) word=${word#\"} ;;
	*) word=${word//\\\\/$'\1'} word=${word//\\/} word=${word//$'\1'/\\} ;;
	esac
	printf '%s' "$word"
}

_slm() {
	local program=${1/#\~/$HOME} i word candidate files= joined=
	local -a words=() found=()

	# Bash cuts words at = and :, which belong to "--device=opencl:0.0".
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if ((${#words[@]})) && [[ $word == [=:]* || $joined ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
		[[ $word == [=:]* ]] && joined=1 || joined=
	done
	((${#words[@]})) || words=("")
	# What stands before the part of the word that readline replaces.
	word=${words[-1]}
	local last=${COMP_WORDS[COMP_CWORD]} before=
	[[ $last == [=:]* ]] && last=
	[[ $word != "$last" ]] && before=${word%"$last"}
	words[-1]=$(_slm_unquoted "$word")

	while IFS= read -r candidate; do
		if [[ $candidate == :files ]]; then
			files=1
		else
			found+=("${candidate#"$before"}")
		fi
	done < <("$program" complete "${words[@]}" 2>/dev/null)
	if [[ $files ]]; then
		compopt -o filenames 2>/dev/null
		last=$(_slm_unquoted "$last")
		while IFS= read -r candidate; do
			found+=("$candidate")
		done < <(compgen -f -- "$last")
	fi
	COMPREPLY=("${found[@]}")
	# A word that goes on with a comma or a value is not at its end.
	[[ ${#found[@]} -eq 1 && ${found[0]} == *[=,] ]] && compopt -o nospace 2>/dev/null
	return 0
}

complete -F _slm slm
