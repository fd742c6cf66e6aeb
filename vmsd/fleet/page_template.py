"""The page of the sites as a template: one file with its style in it, for light and dark, wide and narrow."""

PAGE = """<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>
:root { --bg: #f4f5f7; --card: #fff; --text: #1a1d21; --muted: #59626d; --line: #d5d9de;
  --red: #a8121e; --amber: #7a4b00; --green: #176b36; --red-bg: #fdecec; --amber-bg: #fdf3dd; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #14171a; --card: #1d2125; --text: #eceef0; --muted: #a5aeb8; --line: #363d44;
    --red: #ff8d8d; --amber: #f5c15c; --green: #72d696; --red-bg: #3a1d20; --amber-bg: #36290f; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 1rem; background: var(--bg); color: var(--text);
  font: 1rem/1.45 system-ui, sans-serif; }
main { max-width: 90rem; margin: 0 auto; }
h1 { margin: 0; font-size: 1.5rem; }
.muted { color: var(--muted); }
.totals { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; padding: 0; list-style: none; }
.totals li { padding: .6rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
.totals strong { display: block; font-size: 1.6rem; line-height: 1.1; font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line);
  font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .7rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
thead th { font-size: .85rem; color: var(--muted); border-bottom: 1px solid var(--line); white-space: nowrap; }
tbody { border-top: 1px solid var(--line); }
td[data-head] { white-space: nowrap; }
.state { font-weight: 600; }
.red { color: var(--red); } .amber { color: var(--amber); } .green { color: var(--green); }
tbody.red { background: var(--red-bg); } tbody.amber { background: var(--amber-bg); }
tbody.red, tbody.amber, tbody.green { color: inherit; }
.findings td { padding-top: 0; }
.findings ul { margin: 0; padding: 0; list-style: none; }
.small { display: block; font-size: .8rem; font-weight: 400; }
@media (max-width: 60rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, th, td { display: block; }
  tbody { margin: 0; padding: .6rem .7rem; }
  tr { display: grid; grid-template-columns: 1fr 1fr; gap: .35rem 1rem; }
  th, td { padding: 0; }
  tr > th, .findings td { grid-column: 1 / -1; }
  td[data-head]::before { content: attr(data-head); display: block; font-size: .8rem; color: var(--muted); }
  td[data-head] { white-space: normal; }
  td.none { display: none; }
  .findings { margin-top: .5rem; }
}
@media print { body { background: #fff; } tbody { break-inside: avoid; } }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="muted">{{ made }}. {{ checked }}</p>
<ul class="totals">
{% for level, count, word in counts %}
<li><strong class="{{ level }}">{{ count }}</strong>{{ word }}</li>
{% endfor %}
</ul>
<table>
<thead><tr>{% for head in heads.values() %}<th scope="col">{{ head }}</th>{% endfor %}</tr></thead>
{% for report in reports %}
<tbody class="{{ report.level }}">
<tr>
{% for name, cell in report.cells.items() %}
{% if name == "site" %}
<th scope="row">{{ cell }}<span class="small muted">{{ report.url }}{% if report.box %} · {{ box }} {{ report.box }}\
{% endif %}</span></th>
{% elif name == "state" %}
<td class="state {{ report.level }}" data-head="{{ heads[name] }}"><span aria-hidden="true">{{ report.sign }}</span> \
{{ cell }}</td>
{% else %}
<td{% if cell == none_known %} class="none"{% endif %} data-head="{{ heads[name] }}">{{ cell }}</td>
{% endif %}
{% endfor %}
</tr>
{% if report.findings %}
<tr class="findings"><td colspan="{{ heads|length }}"><ul>
{% for level, sign, text in report.findings %}
<li class="{{ level }}"><span aria-hidden="true">{{ sign }}</span> {{ text }}</li>
{% endfor %}
</ul></td></tr>
{% endif %}
</tbody>
{% endfor %}
</table>
</main>
</body>
</html>
"""
