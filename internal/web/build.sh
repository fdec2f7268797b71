#!/bin/sh
# Generates what the web pages are made of.
#
#   build.sh templates   Go code from the .templ files (needs only Go)
#   build.sh styles      style sheets and vendored files (needs Node; maintainers only)
#   build.sh all         both
#   build.sh verify      fails when a generated or vendored file is not up to date
#
# Generated files are committed, so building and running the program needs none
# of this.
set -eu
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)

templates() {
	(cd "$root" && go tool -modfile=internal/web/templ.mod templ generate -path internal/web -log-level error)
}

tailwind() {
	(cd style && npx --no-install tailwindcss -i "$1.css" -o "$2" --minify 2>/dev/null)
}

styles() {
	if [ ! style/node_modules/.package-lock.json -nt style/package-lock.json ]; then
		(cd style && npm ci --ignore-scripts --no-audit --no-fund --silent)
	fi
	cp style/node_modules/htmx.org/dist/htmx.min.js assets/htmx.js
	cp style/node_modules/axe-core/axe.min.js webtest/axe.js
	cp style/node_modules/uplot/dist/uPlot.iife.min.js assets/uplot.js
	sed -i '/^\/\/# sourceMappingURL=/d' assets/htmx.js
	tailwind dashboard ../assets/dashboard.css
	tailwind public ../assets/public.css
	sources
}

# sources writes name, version, licence and hash of every vendored file.
sources() {
	version() { sed -n "s/^    \"$1\": \"\(.*\)\".*/\1/p" style/package.json; }
	hash() { sha256sum "$1" | cut -d' ' -f1; }
	{
		echo "# Vendored files"
		echo
		echo "Written by \`build.sh styles\`; versions are pinned in \`style/package.json\`."
		echo
		echo "| File | From | Version | Licence | SHA-256 |"
		echo "| --- | --- | --- | --- | --- |"
		echo "| \`assets/htmx.js\` | htmx.org | $(version htmx.org) | 0BSD | \`$(hash assets/htmx.js)\` |"
		echo "| \`assets/uplot.js\` | uplot | $(version uplot) | MIT | \`$(hash assets/uplot.js)\` |"
		echo "| \`webtest/axe.js\` (tests only) | axe-core | $(version axe-core) | MPL-2.0 | \`$(hash webtest/axe.js)\` |"
		echo
		echo "\`dashboard.css\` and \`public.css\` are generated from \`style/\` with Tailwind CSS $(version tailwindcss) (MIT)"
		echo "and contain rules of daisyUI $(version daisyui) (MIT). Rules of uPlot are in it, too. Icons, favicons, \`app.js\`, \`chart.js\`, \`frame.js\` and \`payment.js\` are our own."
	} >assets/SOURCES.md
}

verify() {
	before=$(find . -name '*_templ.go' -not -path './style/*' -exec sha256sum {} + | sort)
	templates
	after=$(find . -name '*_templ.go' -not -path './style/*' -exec sha256sum {} + | sort)
	if [ "$before" != "$after" ]; then
		echo "internal/web: generated Go code was not up to date; commit the new files" >&2
		exit 1
	fi
	for file in assets/htmx.js assets/uplot.js webtest/axe.js; do
		grep -q "$(sha256sum "$file" | cut -d' ' -f1)" assets/SOURCES.md || {
			echo "internal/web: $file differs from assets/SOURCES.md" >&2
			exit 1
		}
	done
	if [ -x style/node_modules/.bin/tailwindcss ]; then
		for sheet in dashboard public; do
			tailwind "$sheet" "${TMPDIR:-/tmp}/perennial-$sheet.css"
			cmp -s "${TMPDIR:-/tmp}/perennial-$sheet.css" "assets/$sheet.css" || {
				echo "internal/web: assets/$sheet.css is not up to date; run internal/web/build.sh styles" >&2
				exit 1
			}
		done
	fi
}

case "${1:-}" in
templates) templates ;;
styles) styles ;;
all) templates && styles ;;
verify) verify ;;
*)
	echo "usage: build.sh templates|styles|all|verify" >&2
	exit 2
	;;
esac
