package dbtest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"perennial/internal/db"
)

// Allow lists what the checks pass over, as parts of statement texts. Each entry
// needs a reason beside it.
type Allow struct {
	Statements   []string // read or write over all merchants, as an operator does
	Transactions []string // a transaction with such a statement may touch several merchants
	Plans        []string // may walk a table or a whole account
}

func (a Allow) merge(more []Allow) Allow {
	for _, m := range more {
		a.Statements = append(a.Statements, m.Statements...)
		a.Transactions = append(a.Transactions, m.Transactions...)
		a.Plans = append(a.Plans, m.Plans...)
	}
	return a
}

func listedIn(list []string, text string) bool {
	return slices.ContainsFunc(list, func(part string) bool { return strings.Contains(text, flat(part)) })
}

// CheckStatements fails the test for every statement that would not run when the
// data is sharded by merchant, and for every transaction that writes for two of them.
func CheckStatements(t testing.TB, list []db.Statement, allow ...Allow) {
	t.Helper()
	for _, f := range StatementFindings(list, allow...) {
		t.Error(f)
	}
}

// StatementFindings is what CheckStatements reports.
func StatementFindings(list []db.Statement, allow ...Allow) []string {
	a := Allow{}.merge(allow)
	kinds := map[string]db.Kind{}
	for _, k := range db.Tables {
		kinds[k.Name] = k.Kind
	}
	var found []string
	seen := map[string]bool{}
	for _, s := range list {
		text := flat(s.Text)
		if seen[text] {
			continue
		}
		seen[text] = true
		if listedIn(a.Statements, text) {
			continue
		}
		for _, why := range refusals(parse(text), text, s.Bulk, kinds) {
			found = append(found, why+": "+s.Text)
		}
	}
	return append(found, crossings(list, a, kinds)...)
}

var never = []struct{ pattern, why string }{
	{`\bmerge into\b`, "MERGE does not run on shards"},
	{`\bctid\b`, "ctid names rows of one node"},
	{`\bwith recursive\b`, "recursion does not run on shards"},
	{`\bgrouping sets\b`, "GROUPING SETS do not run on shards"},
	{`\b(now|random|gen_random_uuid|clock_timestamp|statement_timestamp|strftime|datetime|julianday)\s*\(`, "the time and chance are binds"},
	{`\bcurrent_(timestamp|date|time)\b`, "the time is a bind"},
	{`\block table\b`, "LOCK TABLE stops every merchant"},
	{`^(listen|notify|unlisten)\b`, "LISTEN and NOTIFY reach one node"},
	{`\bpg_(try_)?advisory\w*`, "advisory locks hold on one node"},
	{`\bset local lock_timeout\b`, "it does not reach the shards"},
	{`\bset (\S+, )*account_id =`, "a row cannot change its merchant"},
}

var neverExp = func() (list []*regexp.Regexp) {
	for _, n := range never {
		list = append(list, regexp.MustCompile(n.pattern))
	}
	return list
}()

func refusals(scopes []scope, text string, bulk bool, kinds map[string]db.Kind) (why []string) {
	for i, e := range neverExp {
		if e.MatchString(text) {
			why = append(why, never[i].why)
		}
	}
	for _, s := range scopes {
		for _, r := range s.refs {
			if (kinds[r.table] == db.Merchant || kinds[r.table] == db.Root) && !s.bound(r, owner(db.TableKind{Kind: kinds[r.table]})) {
				why = append(why, "table "+r.table+" appears without its account_id")
			}
		}
		if s.insert != "" && kinds[s.insert] == db.Merchant && !bulk && strings.Contains(text, "unnest(") && !strings.Contains(text, " account ") {
			why = append(why, "insert from unnest without the account row")
		}
	}
	return why
}

// crossings finds writing transactions that name two merchants.
func crossings(list []db.Statement, a Allow, kinds map[string]db.Kind) (found []string) {
	type story struct {
		accounts map[int64]string
		allowed  bool
	}
	stories := map[int64]*story{}
	var order []int64
	for _, s := range list {
		if !s.Write || s.Tx == 0 {
			continue
		}
		st := stories[s.Tx]
		if st == nil {
			st = &story{accounts: map[int64]string{}}
			stories[s.Tx] = st
			order = append(order, s.Tx)
		}
		text := flat(s.Text)
		st.allowed = st.allowed || listedIn(a.Transactions, text) || listedIn(a.Statements, text)
		for _, v := range accountsOf(s, text, kinds) {
			if st.accounts[v] == "" {
				st.accounts[v] = s.Text
			}
		}
	}
	for _, n := range order {
		if st := stories[n]; len(st.accounts) > 1 && !st.allowed {
			var texts []string
			for _, text := range st.accounts {
				texts = append(texts, text)
			}
			slices.Sort(texts)
			found = append(found, fmt.Sprintf("transaction %d writes for %d merchants: %s", n, len(st.accounts), strings.Join(texts, " | ")))
		}
	}
	return found
}

var place = regexp.MustCompile(`^\$(\d+)$`)

// accountsOf are the merchants that a statement names by its binds.
func accountsOf(s db.Statement, text string, kinds map[string]db.Kind) (list []int64) {
	if s.Bulk {
		return s.Accounts
	}
	add := func(bind string) {
		m := place.FindStringSubmatch(bind)
		if m == nil {
			return
		}
		n, err := strconv.Atoi(m[1])
		if err != nil || n < 1 || n > len(s.Args) {
			return
		}
		if v, ok := s.Args[n-1].(int64); ok && v != 0 {
			list = append(list, v)
		}
	}
	for _, sc := range parse(text) {
		for _, r := range sc.refs {
			column := owner(db.TableKind{Kind: kinds[r.table]})
			if column == "" {
				continue
			}
			for _, e := range sc.equal {
				if e.column == column && sc.means(e.alias, r) {
					add(e.value)
				}
			}
			if sc.insert == r.table {
				if i := slices.Index(sc.cols, column); i >= 0 && i < len(sc.values) {
					add(sc.values[i])
				}
			}
		}
	}
	return list
}

// scope is one select, insert, update or delete of a statement, without those
// nested in it.
type scope struct {
	refs   []ref
	equal  []equality
	insert string
	cols   []string // of the insert
	values []string // the first row of the insert
}

type ref struct{ table, alias string }

type equality struct{ alias, column, value string }

// means reports whether an alias, perhaps none, names r in the scope.
func (s scope) means(alias string, r ref) bool {
	return alias == r.alias || alias == "" && (len(s.refs) == 1 || s.insert == r.table)
}

func (s scope) bound(r ref, column string) bool {
	if s.insert == r.table {
		return slices.Contains(s.cols, column)
	}
	return slices.ContainsFunc(s.equal, func(e equality) bool {
		if e.column == column && s.means(e.alias, r) {
			return true
		}
		return e.value == r.alias+"."+column // the other side of an equality
	})
}

var (
	literal = regexp.MustCompile(`'(?:[^']|'')*'`)
	spaces  = regexp.MustCompile(`\s+`)
	token   = regexp.MustCompile(`\$\d+|[a-z_][a-z0-9_]*(?:\.[a-z_*][a-z0-9_]*)?|<=|>=|<>|!=|\|\||[^\sa-z0-9_]|\d+`)
)

// flat is a statement in lower case, without the texts in it, in one line.
func flat(q string) string {
	return strings.TrimSpace(spaces.ReplaceAllString(literal.ReplaceAllString(strings.ToLower(q), "''"), " "))
}

// parse finds the scopes of a flat statement.
func parse(text string) []scope {
	var scopes []scope
	split(token.FindAllString(text, -1), &scopes)
	return scopes
}

// split takes nested selects out of a list of tokens, each as a scope of its own,
// and parts a union into its sides.
func split(tokens []string, scopes *[]scope) {
	var own []string
	flush := func() {
		if s := read(own); len(s.refs) > 0 {
			*scopes = append(*scopes, s)
		}
		own = nil
	}
	for i := 0; i < len(tokens); i++ {
		switch tok := tokens[i]; {
		case tok == "(" && i+1 < len(tokens) && isOneOf(tokens[i+1], "select", "with", "insert", "update", "delete"):
			end := closing(tokens, i)
			split(tokens[i+1:end], scopes)
			own = append(own, "()")
			i = end
		case isOneOf(tok, "union", "except", "intersect"):
			flush()
		default:
			own = append(own, tok)
		}
	}
	flush()
}

func closing(tokens []string, open int) int {
	depth := 0
	for i := open; i < len(tokens); i++ {
		switch tokens[i] {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(tokens)
}

func isOneOf(s string, list ...string) bool { return slices.Contains(list, s) }

// read finds tables, equalities and inserted columns among the tokens of one scope.
func read(tokens []string) (s scope) {
	at := func(i int) string {
		if i >= 0 && i < len(tokens) {
			return tokens[i]
		}
		return ""
	}
	listing := false // inside of a from list, where a comma begins the next table
	for i := range tokens {
		switch tok := tokens[i]; {
		case tok == "set" || tok == "where" || tok == "on" || tok == "returning" || tok == "order" || tok == "group":
			listing = false
		case tok == "update" && isOneOf(at(i-1), "for", "do"):
		case tok == "into":
			s.insert = at(i + 1)
			s.refs = append(s.refs, ref{s.insert, s.insert})
			s.readInsert(tokens[i+2:])
		case tok == "from" && at(i-1) == "distinct": // "is distinct from" compares
		case tok == "from" || tok == "join" || tok == "update" || tok == "," && listing:
			if word(at(i + 1)) {
				s.refs = append(s.refs, ref{at(i + 1), alias(at, i+1)})
			}
			listing = tok == "from" || tok == "join" || listing
		case tok == "=":
			a, c, ok := strings.Cut(at(i-1), ".")
			if !ok {
				a, c = "", at(i-1)
			}
			if v := at(i + 1); place.MatchString(v) || v == "?" || strings.Contains(v, ".") {
				s.equal = append(s.equal, equality{a, c, v})
			}
		}
	}
	return s
}

func alias(at func(int) string, i int) string {
	next := at(i + 1)
	if next == "as" {
		next = at(i + 2)
	}
	if word(next) && !isOneOf(next, "where", "set", "on", "using", "join", "left", "right", "inner", "cross", "full", "natural",
		"order", "group", "limit", "for", "returning", "union", "values", "having", "window", "offset", "indexed", "from", "default") {
		return next
	}
	return at(i)
}

func word(s string) bool { return s != "" && (s[0] == '_' || s[0] >= 'a' && s[0] <= 'z') }

// readInsert reads "(columns) values (binds)" after the table's name.
func (s *scope) readInsert(tokens []string) {
	group := func(i int) ([]string, int) {
		end := closing(tokens, i)
		if end == len(tokens) {
			return nil, end
		}
		var parts []string
		depth, part := 0, ""
		for _, tok := range tokens[i+1 : end] {
			switch {
			case tok == "," && depth == 0:
				parts, part = append(parts, part), ""
				continue
			case tok == "(":
				depth++
			case tok == ")":
				depth--
			}
			part += tok
		}
		return append(parts, part), end + 1
	}
	if len(tokens) == 0 || tokens[0] != "(" {
		return
	}
	var next int
	s.cols, next = group(0)
	if next+1 < len(tokens) && tokens[next] == "values" && tokens[next+1] == "(" {
		s.values, _ = group(next + 1)
	}
}
