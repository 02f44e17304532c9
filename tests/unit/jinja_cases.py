# SPDX-License-Identifier: MIT
"""What jinja_against_python.py renders: conversations, hand-picked cases, and random ones."""

VARIABLES = {
    "s": "Hello, World", "e": "", "u": "naïve 你好 🙂 Ünï", "w": "  \t padded \n ", "n": 7, "z": 0,
    "m": -3, "f": 2.5, "g": 1e16, "h": 0.1, "b": True, "c": False, "x": None,
    "l": [3, 1, 2], "ls": ["b", "A", "c"], "el": [], "mixed": [1, "a", None, 2.5, True, [1], {}],
    "d": {"a": 1, "b": "two", "c": [1, 2], "items": "key"}, "ed": {},
    "objs": [{"name": "Zoe", "age": 3}, {"name": "adam", "age": 30, "tags": ["x"]},
             {"name": "Bob", "age": 7, "tags": None}],
    "q": "it's \"quoted\"\n\ttab \\ back\x01", "lines": "a\nb\r\nc\n\nd", "csv": "a,b,,c",
    "digits": "42", "fl": " 3.7 ", "html": "<a href='x'>&\"</a>",
}

# Divided by " ¦ ".
EXPRESSION_LIST = r"""
"\101" ¦ "a" "b" ¦ "it's a dog-house".title() ¦ ' ¦ ' '.isspace() ¦ ' a b  c '.rsplit()
' a b  c '.rsplit(none, 1) ¦ '%.2f' % f ¦ '%d' % 2.7 ¦ '%s %d' ¦ '%s %d'|format('a', 3)
'%s' ¦ '%s' % l ¦ '%s' % n ¦ '%s' % none ¦ '%s-%s' % (1, 2) ¦ '' ¦ ''.__class__.__mro__
''.isdigit() ¦ ''.split(',') ¦ ''.split() ¦ ''.splitlines() ¦ ''|indent(2, true)
','.join(l) ¦ ','.join(ls) ¦ '-'.join('abc') ¦ '-7'.zfill(4) ¦ '0x1f' ¦ '0x1f'|int(0, 16)
'1' is upper ¦ '1'.isupper() ¦ '100%%' % () ¦ '1_000' ¦ '1_000'|int ¦ '1e3' ¦ '1e3'|float
'7'.zfill(3) ¦ '</script>' ¦ '</script>'|tojson ¦ 'ABC'.isupper() ¦ 'ABC1' is upper ¦ '\q'
'\u00e9' ¦ '\x4' ¦ 'a b  c '.split(none, 1) ¦ 'a b c'.rsplit(none, 0) ¦ 'a' ¦ 'a' != 'b'
'a' * -1 ¦ 'a' * 3 ¦ 'a' + 'b' * 2 ¦ 'a' < 'b' ¦ 'a' if b else 'b' if c else 'd'
'a' in 'abc' in ['abc'] ¦ 'a' in d ¦ 'a' in ed ¦ 'a' in missing ¦ 'a' ~ 1 ~ none ~ true
'a'.center(4) ¦ 'a'.ljust(3) ~ ' ¦ 'a'.rjust(3) ¦ 'a'|abs ¦ 'a'|upper() ¦ 'a'|upper()|lower
'a1'.islower() ¦ 'aXXbXXc'.rsplit('XX', 1) ¦ 'a\tb' ¦ 'a_b c' ¦ 'a_b c'|wordcount
'ab'.center(5, '*') ¦ 'abc ¦ 'abc' is lower ¦ 'abc'.isalpha() ¦ 'ff' ¦ 'ff'|int(base=16)
'foo bar-baz (qux [a' ¦ 'foo bar-baz (qux [a'|title ¦ 'lo' in s ¦ 'nan' ¦ 'nan'|float
'straẞe' ¦ 'x' ¦ 'x'|center(5) ¦ 'x'|float ¦ 'x'|int ¦ 'x'|int(5) ¦ '{0}{1}{0}'.format(1, 2)
'{a}'.format(a=1) ¦ '{{}}'.format() ¦ '{} {}'.format(1, 'a') ¦ '{}'.format()
'{}{}'.format(*[1, 2]) ¦ 'ÀÉÎ'.lower() ¦ 'élan vital' ¦ 'élan vital'|capitalize
'σς'.upper() ¦ 'ЖЩ'.lower() ¦ ( ¦ () ¦ (-3) ¦ (-3)|abs ¦ (1 + 2) * 3 ¦ (1 if c) ¦ (1, 2)
(1, 2)[::-1] ¦ (1, 2)|tojson ¦ (1, 2, 3)[1] ¦ (1, 2,) ¦ (1,) ¦ (1,) + (2,) ¦ (1,) == [1]
(l ¦ ) ¦ * 2 ¦ +n ¦ - ¦ -0.0 ¦ -2**2 ¦ -2.5 ¦ -2.5|round ¦ -2.7 ¦ -2.7|int ¦ -7 % 3
-7.5 % 2 ¦ -7//2 ¦ -b ¦ -m ¦ -m|abs ~ 'x' ¦ -n ¦ -n|abs ¦ .a ¦ 0.00001 ¦ 0.0001 ¦ 1 % 0
1 + ¦ 1 + 2 * 3 ¦ 1 + none ¦ 1 - -1 ¦ 1 2 ¦ 1 < 'a' ¦ 1 < 2 < 3 ¦ 1 < 3 < 2 ¦ 1 == 1 == 1
1 == 1.0 ¦ 1 if true else 2 if false ¦ 1 in l ¦ 1 not in l ¦ 1,2 ¦ 1.0 ¦ 1.0 // 0 ¦ 1/0
1/2 ¦ 100.0 ¦ 1234 ¦ 123456789012345678.0 ¦ 1234|round(-2) ¦ 1_0.5 ¦ 1_000 ¦ 1e15 ¦ 1e16
1e300 * 1e300 ¦ 2 > 1 != 3 ¦ 2 ~ 3 + 4 ¦ 2**-1 ¦ 2**0.5 ¦ 2**10 ¦ 2.41
2.41|round(1, 'floor') ¦ 2.5 ¦ 2.50 ¦ 2.5|round ¦ 2.675 ¦ 2.675|round(2) ¦ 3 * 'ab' ¦ 3.5
3.5|round ¦ 4/2 ¦ 5 in l ¦ 5 in s ¦ 7 % -3 ¦ 7.5 // 2 ¦ 7//2 ¦ None ¦ True ¦ ["it's"]
['"'] ¦ ['\x7f\xa0\u200b\ufeff'] ¦ ['a', 'A', 'b'] ¦ ['a', 'A', 'b']|unique|list
['a', 'A'] ¦ ['a', 'A']|unique(true)|list ¦ [1 ¦ [1 if c else 2, 3] ¦ [1, 2,]
[1, 2.0, 'a', none, true] ¦ [1, 2] < [1, 3] ¦ [1, 2] == [1, 2.0] ¦ [1, none, missing]
[1, none, missing]|join(',') ¦ [1.0, 1e20, 1e-7] ¦ [1.0, 1e20, 1e-7]|tojson ¦ [1] * 2
[1] in mixed ¦ [[], {}] ¦ [missing] ¦ [q] ¦ [u] ¦ [w] ¦ ] ¦ a. ¦ a..b ¦ b ¦ b is integer
b is number ¦ b is true ¦ b|abs ¦ b|int ¦ c is false ¦ csv.split(',') ¦ d ¦ d + d
d is mapping ¦ d is sequence ¦ d.__class__ ¦ d.a ¦ d.a is defined ¦ d.c[-1] ¦ d.copy()
d.get('a') ¦ d.get('zz') ¦ d.get('zz', 5) ¦ d.items()|list ¦ d.keys()|list ¦ d.nope
d.nope.nope ¦ d.update({}) ¦ d.values()|list ¦ d.zz is defined ¦ d['a'] ¦ d['c'][1]
d['items'] ¦ d[1:] ¦ d[[1]] ¦ d[missing] ¦ d[x] ¦ dict(**d) ¦ dict([(1, 2)])
dict(a=1, b=2) ¦ dict(d) ¦ digits ¦ digits.isdigit() ¦ digits|int ¦ d|dictsort
d|dictsort|d ¦ d|dictsort|d|dictsort(by='value') ¦ d|tojson ¦ el ¦ else ¦ el|first ¦ el|last
el|min ¦ el|sum ¦ f ¦ f is float ¦ false ¦ fl ¦ fl|float ¦ fl|int ¦ foo.bar() ¦ f|abs
f|int ¦ f|round(1, 'ceil') ¦ g ¦ h ¦ html ¦ html|e ¦ html|escape ¦ html|safe ¦ if ¦ in ¦ is
l ¦ l + (1,) ¦ l + [4] ¦ l - l ¦ l in d ¦ l is iterable ¦ l is mapping ¦ l is sequence ¦ l.0
l.append(1) ¦ l.count(3) ¦ l.index(1) ¦ l.index(9) ¦ l[ ¦ l['a'] ¦ l[-1] ¦ l[-2:]
l[0:2][1] ¦ l[0] ¦ l[10] ¦ l[1:'a'] ¦ l[1:] ¦ l[5:0:-2] ¦ l[:2] ¦ l[::-1] ¦ l[::0] ¦ lines
lines.splitlines() ¦ lines.splitlines(true) ¦ lines|indent ¦ lines|indent('> ', true, true)
lines|indent(2, true) ¦ ls ¦ ls|map('upper')|list ¦ ls|max ¦ ls|min ¦ ls|sort
ls|sort(case_sensitive=true) ¦ ls|sum ¦ ls|unique|list ¦ l|batch(2)|list
l|batch(2, 'x')|list ¦ l|count ¦ l|count|d ¦ l|count|d|length ¦ l|first ¦ l|join
l|join('-') ¦ l|last ¦ l|map('string')|list ¦ l|map('string')|last ¦ l|max ¦ l|min
l|reject('odd')|list ¦ l|reverse|list ¦ l|select|list ¦ l|select('odd')|list
l|select|first ¦ l|select|length ¦ l|slice(2)|list ¦ l|slice(2, 'x')|list ¦ l|sort
l|sort(reverse=true) ¦ l|sum ¦ l|sum(start=10) ¦ m ¦ missing ¦ missing + 1 ¦ missing < 1
missing == missing ¦ missing in l ¦ missing is defined ¦ missing is iterable
missing is sequence ¦ missing is string ¦ missing is undefined ¦ missing ~ 'x' ¦ missing()
missing.foo ¦ missing['a'] ¦ missing|default('d') ¦ missing|default('d')|e
missing|default('d')|e|default('d') ¦ missing|default('d')|e|default('d')|e
missing|default('d')|e|default('d')|e|default('d', true) ¦ missing|length ¦ missing|tojson
mixed ¦ mixed|select|list ¦ mixed|sort ¦ mixed|tojson ¦ m|abs ¦ n ¦ n ** 2 ** 1 ¦ n - 'a'
n and s ¦ n if z ¦ n if z else s ¦ n is defined and s is defined ¦ n is divisibleby 7
n is divisibleby 7 and true ¦ n is divisibleby(2) ¦ n is eq 7 ¦ n is equalto(7) ¦ n is even
n is ge 7 ¦ n is gt 5 ¦ n is in [7] ¦ n is integer ¦ n is iterable ¦ n is le 6 ¦ n is lt(5)
n is ne 7 ¦ n is not odd ¦ n is number ¦ n is odd ¦ n is odd == true ¦ n is odd or missing
n is sameas 7 ¦ n is sequence ¦ n is zzz ¦ n() ¦ n[1:] ¦ namespace().b ¦ namespace(a=1).a
none ¦ none < 1 ¦ none is not none ¦ not 1 == 2 ¦ not 1 in l ¦ not missing ¦ not n
not n is odd ¦ not not e ¦ n|indent ¦ n|length ¦ n|list ¦ n|replace(7, 8) ¦ n|round
n|round(1, 'ceil') ¦ n|string ¦ objs ¦ objs[0].tags ¦ objs[1].tags[0] ¦ objs[2].tags
objs[5].name ¦ objs|join(', ', attribute='name') ¦ objs|map(attribute='name')|list
objs|map(attribute='nope', default='?')|list ¦ objs|map(attribute='tags')|list
objs|map(attribute='tags.0')|list ¦ objs|map(attribute='tags.0')|join(',')
objs|max(attribute='age') ¦ objs|rejectattr('tags')|list
objs|selectattr('age', '>', 5)|list
objs|selectattr('age', '>', 5)|map(attribute='age')|list
objs|selectattr('name', 'equalto', 'Bob')|list ¦ objs|selectattr('tags')|list
objs|selectattr('tags', 'defined')|list ¦ objs|selectattr('tags', 'defined')|list|length
objs|sort(attribute='age,name') ¦ objs|sort(attribute='name') ¦ objs|sum(attribute='age')
q ¦ q|string ¦ q|tojson ¦ q|tojson|d ¦ q|tojson|d|tojson(indent=2) ¦ raise_exception('no')
range is callable ¦ range(0) ¦ range(0)|list ¦ range(1, 2, 0) ¦ range(1, 4)
range(1, 4)|list ¦ range(10**9) ¦ range(10**9)|list ¦ range(3) ¦ range(3)[1]
range(3)|length ¦ range(3)|list ¦ range(5, 0, -2) ¦ range(5, 0, -2)|list ¦ s ¦ s + 1
s + none ¦ s + u ¦ s is callable ¦ s is lower ¦ s is odd ¦ s is sequence ¦ s is string
s is string is string ¦ s ~ n ¦ s.__class__ ¦ s.capitalize() ¦ s.count('') ¦ s.count('o')
s.endswith('ld') ¦ s.endswith(['a']) ¦ s.find('o') ¦ s.find('o', 5) ¦ s.find('zz')
s.index('W') ¦ s.index('zz') ¦ s.isalpha() ¦ s.lower() ¦ s.lstrip('Hel') ¦ s.nope ¦ s.nope()
s.partition(', ') ¦ s.partition('zz') ¦ s.removeprefix('Hello') ¦ s.removesuffix('x')
s.replace('', '-') ¦ s.replace('', '-', 2) ¦ s.replace('o', '0') ¦ s.replace('o', '0', 1)
s.replace(old='o') ¦ s.rfind('o') ¦ s.rpartition('o') ¦ s.rpartition('zz')
s.rsplit('o', 1) ¦ s.rstrip('dlr') ¦ s.split('') ¦ s.split('o') ¦ s.split('o', 1)
s.split() ¦ s.split(maxsplit=1) ¦ s.split(sep='o', maxsplit=1) ¦ s.startswith('He')
s.startswith('l', 2) ¦ s.startswith(('a', 'He')) ¦ s.startswith(1) ¦ s.strip('')
s.strip('Hd') ¦ s.swapcase() ¦ s.title() ¦ s.upper() ¦ s[-100:100] ¦ s[-1] ¦ s[0] ¦ s[10:]
s[1:4] ¦ s[5:2] ¦ s[99] ¦ s[:-1] ¦ s[::-1] ¦ select) and 1 ¦ strftime_now('%-d')
strftime_now('%Y-%m-%d %H:%M:%S %A %B %j %y %I %p %%') ¦ strftime_now('%d %b %Y')
s|attr('upper') ¦ s|attr('upper')|d ¦ s|attr('upper')|d|attr('a') ¦ s|first ¦ s|join('.')
s|last ¦ s|last|d ¦ s|last|d|first ¦ s|last|d|first|d ¦ s|last|d|first|d|last ¦ s|length
s|list ¦ s|replace('l', 'L', 1) ¦ s|reverse ¦ s|reverse|d ¦ s|reverse|d|list ¦ s|trim('Hd')
s|unknownfilter ¦ s|upper ¦ true ¦ true == 1 ¦ u ¦ u.find('好') ¦ u.isalnum() ¦ u.lower()
u.replace('', '.') ¦ u.split(' ') ¦ u.strip('nïü') ¦ u.title() ¦ u.upper()
u.upper().lower() ¦ u[-3:] ¦ u[2:5] ¦ u[3] ¦ u[9] ¦ u[::2] ¦ u|length ¦ u|title ¦ u|tojson
u|tojson(ensure_ascii=true) ¦ u|wordcount ¦ w ¦ w.lstrip() ¦ w.rstrip() ¦ w.split()
w.strip() ¦ w.strip(none) ¦ w|trim ¦ x ¦ x is none ¦ x is sameas none ¦ x or e or 0
x|d('d', true) ¦ x|default('d') ¦ x|float ¦ x|int ¦ x|items ¦ x|items|list ¦ x|length
x|upper ¦ z and s ¦ z or s ¦ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} ¦ {'a': 1, 2: 'b'}
{'a': 1,} ¦ {'a': []} ¦ {'a': []}|tojson(indent=4) ¦ {'a': []}|tojson(indent=4)|d
{'a': []}|tojson(indent=4)|d|tojson(separators=(',', ':')) ¦ {'a'} ¦ {'b': 1, 'A': 2}
{'b': 1, 'A': 2}|dictsort ¦ {'b': 1, 'A': 2}|dictsort(reverse=true)
{'b': 1, 'A': 2}|dictsort(reverse=true)|d ¦ {'b': 1, 'A': 2}|dictsort(reverse=true)|d|items
{'b': 1, 'A': 2}|dictsort(reverse=true)|d|items|list ¦ {'b': 1, 'A': 2}|dictsort(true)
{'b': 1, 'a': {'z': 1, 'y': [1, {'k': none}]}}
{'b': 1, 'a': {'z': 1, 'y': [1, {'k': none}]}}|tojson(sort_keys=true, indent=1) ¦ {'k': q}
{(1, 2): 3} ¦ {1: 2, none: 3, true: 4, 1.5: 5} ¦ {1: 2, none: 3, true: 4, 1.5: 5}|tojson
{[1]: 2} ¦ {{ ¦ {} ¦ {} == {}
"""

EXPRESSIONS = [case for line in EXPRESSION_LIST.strip().split("\n") for case in line.split(" ¦ ")]

TEMPLATES = [
    "a\n", "a\n\n", "\n", "", "a\r\nb\rc\n", "{{ 'x' }}\n", "{{ 'x' }}\n\n", "  {% if b %}\n  y\n  {% endif %}\n z",
    "a {%- if b -%}\n y \n{%- endif -%} z", "a  {%+ if b %}\n y{% endif +%}\nz", "x{# c #}\ny", "x {#- c -#} y\n{# d #}",
    "  {# c #}\n  t", "{{- 'a' -}}  b", " {{- 'a' }} b", "{{+ 'a' }}", "{{ 'a' +}}", "{% raw %}{{ x }}{% endraw %}", "{% raw %}\n a {% endraw %}\nb",
    "a {%- raw -%} b {%- endraw -%} c", "{% raw %}x", "{% raw -%}\n x{% endraw %}", "{%raw%}{% if %}{%endraw%}", "{{", "{%", "{% if %}", "{% if b %}", "{% endif %}",
    "{% for i in l %}{{ i }}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }},{% endfor %}",
    "{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }};{% endfor %}", "{% for i in l %}{{ loop.previtem is defined }}{% endfor %}",
    "{% for i in l if i > 1 %}{{ loop.index }}{{ i }}{% else %}none{% endfor %}", "{% for i in l if i > 9 %}x{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for a, b in l %}{% endfor %}", "{% for c in u %}{{ c }}.{% endfor %}",
    "{% for i in n %}{% endfor %}", "{% for i in missing %}x{% else %}e{% endfor %}", "{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in l %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% break %}", "{% for i in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for i in [1,1,2] %}{{ loop.changed(i) }}{% endfor %}", "{% for i in l %}{% for j in l %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}",
    "{% set a = 1 %}{% for i in l %}{% set a = i %}{{ a }}{% endfor %}{{ a }}", "{% if b %}{% set a = 1 %}{% endif %}{{ a }}", "{% for i in l %}{{ a }}{% set a = i %}{% endfor %}",
    "{% set ns = namespace(a=0) %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}", "{% set d.a = 2 %}", "{% set zz.a = 2 %}", "{% set ns = namespace() %}{% set ns.b = 3 %}{{ ns.b }}{{ ns['b'] }}{{ ns.c }}",
    "{% set a, b2 = 1, 2 %}{{ a }}{{ b2 }}", "{% set (a, b2) = (1, 2) %}{{ a }}{{ b2 }}", "{% set a = 1, 2 %}{{ a }}", "{% set a %}x{{ n }}{% endset %}{{ a }}", "{% set a | upper | trim %} x {% endset %}{{ a }}.",
    "{% set a %}{% set s = 'in' %}{{ s }}{% endset %}{{ a }}{{ s }}", "{% macro f(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(1, c='z') }}{{ f() }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(z=2) }}", "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, k=3) }}",
    "{% macro f(a) %}{% if a > 0 %}{{ a }}{{ f(a - 1) }}{% endif %}{% endmacro %}{{ f(5) }}", "{% macro f(n) %}[{{ caller() }}]{% endmacro %}{% call f(1) %}x{{ n }}{% endcall %}",
    "{% macro f() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) f() %}{{ a }}{{ b }}{% endcall %}", "{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}", "{% macro f(x) %}{% set q = 5 %}{{ q }}{{ x }}{% endmacro %}{{ f(1) }}{{ q }}",
    "{% macro f() %}{{ g2 }}{% endmacro %}{% set g2 = 5 %}{{ f() }}", "{% macro f() %}{{ i }}{% endmacro %}{% for i in l %}{{ f() }}{% endfor %}", "{% for i in l %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}",
    "{% macro f(a=[]) %}{{ a }}{% endmacro %}{{ f() }}{{ f(a=1) }}", "{% macro f(a, b=a) %}{{ b }}{% endmacro %}{{ f(3) }}",
    "{% filter upper %}abc{{ s }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}aaa{% endfilter %}", "{% with a = 1, b2 = 2 %}{{ a }}{{ b2 }}{% endwith %}{{ a }}", "{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a }}",
    "{% if n > 5 and s %}a{% elif z %}b{% else %}c{% endif %}", "{% if z %}a{% elif x %}b{% elif n %}d{% else %}c{% endif %}", "{% if z %}a{% else %}b{% endif %}", "{% if a = 1 %}{% endif %}",
    "{% generation %}x{{ n }}{% endgeneration %}y", "{% set a = 1 %}{% generation %}{% set a = 2 %}{{ a }}{% endgeneration %}{{ a }}", "{% for i in l %}{% generation %}{{ i }}{{ loop.index }}{% endgeneration %}{% endfor %}",
    "{{ raise_exception('x') }}", "{% if false %}{{ raise_exception('x') }}{% endif %}ok", "{{ {'a': {'b': 1}}['a']['b'] }}", "{{ {'a': {'b': 1}} }}", "{{ 'a}}b' }}", "{{ \"%}\" }}", "{% set a = '%}' %}{{ a }}",
    "{{ 1 }}{{ 2 }}", "a{{ '' }}b", "{% set loop2 = 1 %}{{ loop2 }}{{ loop }}", "{% for i in range(3) %}{{ i }}{% endfor %}", "{% for i in l|reverse %}{{ i }}{{ loop.length }}{% endfor %}", "{% for m2 in objs|selectattr('tags') %}{{ m2.name }}{{ loop.last }}{% endfor %}",
    "{% set it = l|map('string') %}{{ it|list }}{{ it|list }}", "{% set x2 = l|select('odd')|list %}{{ x2[0] }}", "{%- set a = 1 -%}\n\n{{- a }}", "line\n  {%- if b %}\n  in\n  {%- endif %}\nout", "\t{% if b %}\n\tin\n\t{% endif %}\nout",
    "a\n  {{ n }}  \nb", "{% if b %}  \n x{% endif %}", "{%if b%}x{%endif%}", "{{n}}{{-n-}}{{n}}", "é{{ u }}é", "{{ s\n }}", "{{ [1,\n2]\n }}", "{% set a =\n 1 %}{{ a }}", "{% for (a, b2) in [(1, 2)] %}{{ a }}{{ b2 }}{% endfor %}",
    "{% for a, (b2, c2) in [(1, (2, 3))] %}{{ a }}{{ b2 }}{{ c2 }}{% endfor %}", "{% for i in 1, 2 %}{{ i }}{% endfor %}", "{% for x in x %}{{ x }}{% endfor %}", "{% for l in l %}{{ l }}{% endfor %}{{ l }}", "{{ loop }}", "{% set s = s + '!' %}{{ s }}",
    "{% for i in l %}{% set l = [i] %}{{ l }}{% endfor %}{{ l }}", "{% if b %}{% set s = 'k' %}{% endif %}{{ s }}", "{% for i in [] %}{% else %}{% set q2 = 1 %}{{ q2 }}{% endfor %}{{ q2 }}", "{% set f = s.upper %}{{ f() }}", "{% set m2 = 'x'.join %}{{ m2(ls) }}",
    "{{ namespace(a=1) is mapping }}{{ namespace(a=1) is defined }}", "{{ [1,2]|map('foo') }}", "{% import 'x' as y %}", "{% include 'x' %}", "{% unknown %}", "{% if b %}{% endfor %}", "{% set %}", "{% set 1 = 2 %}", "{% set true = 2 %}", "{% for %}", "{% macro %}", "{{ }}", "{% %}", "{{ n | }}",
    "{{ 'a' 'b' }}", "{{- '\n' }}x", "a{# {{ #}b", "{# a {# b #} c", "{{ '{#' }}", "{% raw %}{# {% endraw %}", "{% if b -%}\n\n  x\n{%- else -%} y {%- endif %}\n", "{%- for i in l -%} {{ i }} {%- endfor -%}",
    "{% set ns = namespace(found=false) %}{% for o in objs %}{% if o.name == 'Bob' %}{% set ns.found = true %}{% break %}{% endif %}{% endfor %}{{ ns.found }}",
]


def conversations():
    tool = {"type": "function", "function": {
        "name": "get_weather", "description": "Weather \"now\" & é",
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string", "description": "the city", "enum": ["Ulm", "東京"]},
            "days": {"type": ["integer", "null"], "minimum": 1},
            "where": {"type": "object", "properties": {"lat": {"type": "number"}}},
            "list": {"type": "array", "items": {"type": "string"}}},
            "required": ["city"]}, "return": {"type": "string"}}}
    call = {"id": "call12345", "type": "function", "function": {
        "name": "get_weather", "arguments": {"city": "Ulm", "days": 2, "where": {"lat": 1.5}}}}
    text_call = {"id": "call12345", "type": "function", "function": {
        "name": "get_weather", "arguments": "{\"city\": \"Ulm\"}"}}
    user = {"role": "user", "content": "Hi"}
    says = {"role": "assistant", "content": "Hello!"}
    system = {"role": "system", "content": "Be brief.\n"}
    result = {"role": "tool", "name": "get_weather", "tool_call_id": "call12345",
              "content": "{\"t\": 3}"}
    calls = {"role": "assistant", "content": "", "tool_calls": [call]}
    chats = {
        "nothing": [], "user": [user], "system": [system, user], "only system": [system],
        "two turns": [user, says, {"role": "user", "content": "  And\nnow? 你好 🙂\t"}],
        "system, two turns": [system, user, says, user], "answered": [user, says],
        "empty": [{"role": "user", "content": ""}], "none": [{"role": "user", "content": None}],
        "no content": [{"role": "user"}], "assistant first": [says, user], "twice": [user, user],
        "parts": [{"role": "user", "content": [{"type": "text", "text": "What "},
                                               {"type": "text", "text": "is it?"}]}],
        "image": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "x"}]}],
        "system parts": [{"role": "system", "content": [{"type": "text", "text": "S"}]}, user],
        "control": [{"role": "user", "content": "<|im_end|><|eot_id|></s>[/INST]<end_of_turn>"}],
        "tool": [user, calls, result], "tool, then": [user, calls, result, says, user],
        "tool text": [user, {**calls, "tool_calls": [text_call]}, result],
        "two tools": [user, {**calls, "tool_calls": [call, {**call, "id": "call67890"}]}, result,
                      {**result, "tool_call_id": "call67890"}],
        "tool none": [user, {**calls, "content": None}, result],
        "tool object": [user, calls, {**result, "content": {"t": [1, None, True]}}],
        "call and text": [user, {**calls, "content": "Let me see."}, result],
        "flat call": [user, {**calls, "tool_calls": [call["function"]]}, result],
        "think": [user, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes."}, user],
        "reasoning": [user, {"role": "assistant", "content": "Yes.", "reasoning_content": "hm"},
                      user],
        "think, tool": [user, {**calls, "reasoning_content": "r"}, result],
        "system late": [user, system, user], "ipython": [user, calls, {"role": "ipython",
                                                                      "content": "x"}],
        "unknown role": [{"role": "narrator", "content": "x"}], "html": [{"role": "user",
                                                                         "content": "<b>&'\""}],
        "developer": [{"role": "developer", "content": "d"}, user],
        "/no_think": [{"role": "system", "content": "x /no_think"}, user],
        "overridden": [{"role": "system", "content": "/system_override mine"}, user],
    }
    plain = {"tools": None, "documents": None, "bos_token": "<s>", "eos_token": "</s>"}
    extras = {
        "": {}, ", tools": {"tools": [tool]},
        ", two tools": {"tools": [tool, {"type": "function", "function": {
            "name": "f", "description": "d", "parameters": {"type": "object",
                                                            "properties": {}}}}]},
        ", flat tools": {"tools": [tool["function"]]}, ", no tools": {"tools": []},
        ", no thinking": {"enable_thinking": False}, ", thinking": {"enable_thinking": True},
        ", tools in user": {"tools": [tool], "tools_in_user_message": False,
                            "date_string": "1 Jan 2025"},
        ", documents": {"documents": [{"title": "T", "text": "x", "doc_id": 1}]},
        ", thinking flag": {"thinking": True, "xml_tools": [tool], "python_tools": [tool]},
    }
    for name, messages in chats.items():
        for extra, more in extras.items():
            for prompt in (True, False) if extra in ("", ", tools") else (True,):
                yield (f"{name}{extra}{', prompt' if prompt else ''}",
                       {**plain, "messages": messages, "add_generation_prompt": prompt, **more})


# ---- random ----

ATOMS = list(VARIABLES) + ["missing", "1", "2", "0", "-1", "3.5", "'a'", "''", "'o'", "'é🙂'", "true",
                           "none", "[1, 2]", "['b', 'a']", "{'k': 1}", "(1, 'x')", "range(4)|list",
                           "namespace(a=1).a", "objs[1]", "d.c", "objs[0].name"]
BINARY = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and",
          "or"]
FILTERS = ["length", "upper", "lower", "trim", "title", "capitalize", "string", "list", "first", "last",
           "join", "join('-')", "sort", "reverse|list", "int", "float", "abs", "round", "tojson",
           "default('d')", "default('d', true)", "unique|list", "sum", "min", "max", "wordcount",
           "map('string')|list", "select|list", "reject('none')|list", "indent(2)", "tojson(indent=2)",
           "replace('o', 'é')", "selectattr('name')|list", "map(attribute='name')|list", "items|list",
           "dictsort", "batch(2)|list", "slice(2)|list", "sort(reverse=true)", "map('upper')|list",
           "int(3, 16)", "center(9)"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true",
         "false", "mapping", "sequence", "iterable", "odd", "even", "divisibleby(3)", "eq(1)", "ne(1)",
         "gt(1)", "lt(2)", "in([1, 'a'])", "lower", "upper", "sameas(none)"]
METHODS = ["upper()", "strip()", "split()", "split('o')", "split(',', 1)", "rsplit(' ', 1)",
           "splitlines()", "startswith('H')", "endswith('d')", "replace('l', '')", "find('o')",
           "count('l')", "title()", "isdigit()", "isalpha()", "join(['x', 'y'])", "items()|list",
           "keys()|list", "values()|list", "get('a')", "get('zz', 0)", "lstrip('He')", "rstrip()",
           "capitalize()", "isupper()", "partition('o')", "index(1)", "rfind('l')", "zfill(9)",
           "islower()", "isspace()", "strip('aHd ')", "append(1)"]


def random_expression(rng, depth=3):
    if depth == 0 or rng.random() < 0.15:
        return rng.choice(ATOMS)
    kind = rng.randrange(9)
    a = random_expression(rng, depth - 1)
    if kind == 0:
        return f"({a} {rng.choice(BINARY)} {random_expression(rng, depth - 1)})"
    if kind == 1:
        return f"({a} {rng.choice(BINARY)} {random_expression(rng, depth - 1)} " \
               f"{rng.choice(BINARY)} {random_expression(rng, depth - 1)})"
    if kind == 2:
        return f"({a}|{rng.choice(FILTERS)})"
    if kind == 3:
        return f"({a} is {rng.choice(['', 'not '])}{rng.choice(TESTS)})"
    if kind == 4:
        return f"({a}).{rng.choice(METHODS)}"
    if kind == 5:
        # Jinja forgives a slice of what has none where it is a constant.
        if rng.random() < 0.5:
            a = rng.choice(["s", "u", "l", "d.c", "ls", "'héllo'", "(1, 2, 3)", "n", "objs", "missing"])
            return f"{a}[{rng.choice(['1:', ':-1', '::-1', '::2', '1:3', '-2::-1', 'n:', ':x'])}]"
        return f"({a})[{rng.choice(['0', '-1', 'n', chr(39) + 'a' + chr(39)])}]"
    if kind == 6:
        return f"({a} if {random_expression(rng, depth - 1)} else {random_expression(rng, depth - 1)})"
    if kind == 7:
        return f"(not {a})" if rng.random() < 0.5 else f"(-{a})"
    return f"[{a}, {random_expression(rng, depth - 1)}]"


def random_template(rng, depth=3):
    parts = []
    for _ in range(rng.randrange(1, 5)):
        parts.append(rng.choice(["", " ", "\n", "  ", "text", "\n  ", "é", " \t"]))
        parts.append(random_statement(rng, depth))
    return "".join(parts) + rng.choice(["", "\n", " ", "\n\n"])


def random_statement(rng, depth):
    def tag(inner):
        return "{%" + rng.choice(["", "", "-", "+"]) + " " + inner + " " + rng.choice(
            ["", "", "-", "+"]) + "%}"
    expression = random_expression(rng, 1)
    if depth == 0:
        return "{{" + rng.choice(["", "-"]) + f" {expression} " + rng.choice(["", "-"]) + "}}"
    inner = random_template(rng, depth - 1)
    kind = rng.randrange(10)
    if kind == 0:
        return tag(f"if {expression}") + inner + tag("endif")
    if kind == 1:
        return tag(f"if {expression}") + inner + tag("else") + random_template(rng, depth - 1) + \
            tag("endif")
    if kind == 2:
        return tag(f"for i in {rng.choice(['l', 'd', 's', 'objs', 'el', 'range(3)', 'ls|reverse'])}"
                   f"{rng.choice(['', '', ' if loop is undefined', ' if i'])}") + inner + \
            "{{ loop.index }}{{ i }}" + rng.choice(["", tag("else") + "none"]) + tag("endfor")
    if kind == 3:
        # Names that nothing else has: Jinja loses an outer one that is used before it is set.
        return tag(f"set {rng.choice(['v', 't'])} = {expression}") + "{{ v }}{{ t }}"
    if kind == 4:
        return tag("set v") + inner + tag("endset") + "{{ v|length }}"
    if kind == 5:
        return tag("macro f(a, b=2)") + inner + "{{ a }}{{ b }}" + tag("endmacro") + "{{ f(n) }}"
    if kind == 6:
        return tag("filter " + rng.choice(["upper", "trim", "indent(2)", "title"])) + inner + \
            tag("endfilter")
    if kind == 7:
        return "{#" + rng.choice(["", "-"]) + " c " + rng.choice(["", "-"]) + "#}"
    if kind == 8:
        return tag("for i in l") + tag(f"if {expression}") + \
            tag(rng.choice(["break", "continue"])) + tag("endif") + inner + tag("endfor")
    return "{{" + rng.choice(["", "-"]) + f" {expression} " + rng.choice(["", "-"]) + "}}"
