package server

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	_ "github.com/mattn/go-sqlite3" // reads the database beside the server
)

// first does what must have been done before: a peer's keys are known after its first
// request, and a client has a token after its first /sync.
func (c *calls) first() {
	switch c.row.kind {
	case signed:
		q := call{method: http.MethodGet, path: "/_matrix/federation/v1/publicRooms"}
		q.header = c.authorization(q)
		c.expect("first request of a peer", q, fine)
	case authed:
		q := call{method: http.MethodGet, path: "/_matrix/client/v3/sync"}
		q.header = c.authorization(q)
		c.since, _ = c.do(q).body["next_batch"].(string)
	}
}

// credentials are missing, or wrong.
func (c *calls) credentials() {
	missing, wrong := outcome("401 M_MISSING_TOKEN"), outcome("401 M_UNKNOWN_TOKEN")
	bad := []string{"Bearer " + secret, "bearer " + secret}
	q := c.good()
	switch c.row.kind {
	case open:
		if c.row.badToken == "" {
			return
		}
		missing, wrong = fine, c.row.badToken
	case signed:
		missing, wrong = "401 M_UNAUTHORIZED", "401 M_UNAUTHORIZED"
		other := call{method: q.method, path: q.path + "x", query: q.query}
		bad = []string{"Bearer " + c.token, "X-Matrix", `X-Matrix origin="peer.test",key="ed25519:1",sig="AAAA"`, c.sign(other)}
	case rtm:
		missing, wrong = "401 unauthorized", "401 unauthorized"
		bad = []string{"Basic bm9uZTpub25l", "Bearer " + c.token}
	}
	q.header = nil
	c.expect("no credentials", q, missing)
	// What comes first is who asks: nobody is told what is wrong with their body before.
	c.expect("no credentials and a bad body", q.with(`{`), missing)
	for _, header := range bad {
		q := c.good()
		q.header = http.Header{"Authorization": {header}}
		c.expect("credentials "+header, q, wrong)
	}
	if c.row.kind == authed {
		q.query = strings.TrimPrefix(q.query+"&access_token="+secret, "&")
		c.expect("bad token in the query", q, wrong)
	}
}

// paths name somebody else, or are garbled; and queries are not as they should be.
func (c *calls) paths() {
	names := variable.FindAllStringSubmatch(c.e.template, -1)
	for _, name := range names {
		if c.row.kind == rtm {
			break
		}
		q := c.good()
		q.path = c.path(map[string]string{name[1]: "%FF"})
		q.header = c.authorization(q)
		c.expect("garbled "+name[1], q, either(c.row.garbled, invalidParam))
		if name[1] == "userId" && c.row.foreign != fine {
			c.foreign()
		}
	}
	for query, want := range c.row.queries {
		q := c.good()
		q.query = c.fill(query)
		q.header = c.authorization(q)
		c.expect("query "+query, q, want)
	}
}

// foreign is a good request but that it names another user.
func (c *calls) foreign() {
	q := c.good()
	q.path = c.path(map[string]string{"userId": "@bob:here.test"})
	q.header = c.authorization(q)
	c.expect("another user's path", q, either(c.row.foreign, forbidden))
}

// bodies are not JSON, have something of another type somewhere, or are too large.
func (c *calls) bodies() {
	if c.row.body == "" {
		return
	}
	notJSON, badJSON, tooLarge := notJSON, badJSON, outcome("413 M_TOO_LARGE")
	if c.row.kind == rtm {
		notJSON, badJSON, tooLarge = "400 invalid_parameter", "400 invalid_parameter", "400 invalid_parameter"
	}
	for _, body := range []string{`{`, ``, `{"a":"` + "\xff" + `"}`, `{"a":NaN}`, `{"a":1}}`, `{'a':1}`, `{} {}`, secret, `{"a":"` + secret} {
		c.expect("body "+body, c.bodied(body), notJSON)
	}
	for _, body := range []string{`[]`, `7`, `"x"`, `null`, `true`} {
		c.expect("body "+body, c.bodied(body), badJSON)
	}
	for place, bodies := range misshapen(c.fill(c.row.body)) {
		want, ok := c.wrongAt(place)
		if !ok {
			continue
		}
		for _, body := range bodies {
			c.expect("another type for "+place+": "+body, c.bodied(body), either(want, badJSON))
		}
	}
	size := c.sizeLimit() + 1
	q := c.good()
	q.body, q.size = io.LimitReader(blanks{}, size), size
	c.expect("oversize", q, tooLarge)
	q.body, q.size = io.LimitReader(blanks{}, size), -1
	c.expect("oversize, as it turns out", q, tooLarge)
}

// bodied is a good request but for its body.
func (c *calls) bodied(body string) call {
	q := c.good().with(body)
	q.header = c.authorization(q)
	return q
}

// wrongAt gives the answer to something of another type at a place, and false where
// there anything may be.
func (c *calls) wrongAt(place string) (outcome, bool) {
	for allowed, want := range c.row.wrong {
		if want == fine && strings.HasPrefix(place+" ", c.fill(allowed)+" ") {
			return "", false
		}
	}
	for wrong, want := range c.row.wrong {
		if c.fill(wrong) == place {
			return want, true
		}
	}
	if c.row.kind == rtm {
		return "400 invalid_parameter", true
	}
	return "", true
}

// blanks is white space without an end.
type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// misshapen gives, for each place within a JSON text, the texts that have there
// something of another type.
func misshapen(text string) map[string][]string {
	out := make(map[string][]string)
	root := decode(text)
	var walk func(place []string, node any)
	walk = func(place []string, node any) {
		for _, other := range others(node) {
			if len(place) == 0 {
				break
			}
			name := strings.Join(place, " ")
			out[name] = append(out[name], replaced(text, place, other))
		}
		switch node := node.(type) {
		case map[string]any:
			for name, child := range node {
				walk(append(slices.Clone(place), name), child)
			}
		case []any:
			for i, child := range node {
				walk(append(slices.Clone(place), fmt.Sprint(i)), child)
			}
		}
	}
	walk(nil, root)
	return out
}

// others gives one value of each other type.
func others(node any) (list []any) {
	all := map[string]any{
		"string": secret, "json.Number": json.Number("7"), "bool": true, "[]interface {}": []any{}, "map[string]interface {}": map[string]any{},
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name != fmt.Sprintf("%T", node) {
			list = append(list, all[name])
		}
	}
	return list
}

func replaced(text string, place []string, with any) string {
	root := decode(text)
	node := root
	for i, name := range place {
		last := i == len(place)-1
		switch parent := node.(type) {
		case map[string]any:
			if last {
				parent[name] = with
			}
			node = parent[name]
		case []any:
			var n int
			_, _ = fmt.Sscan(name, &n)
			if last {
				parent[n] = with
			}
			node = parent[n]
		}
	}
	out, err := json.Marshal(root)
	if err != nil {
		panic(err) // it was JSON
	}
	return string(out)
}

func decode(text string) (value any) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		panic(fmt.Sprintf("the table has %q: %v", text, err))
	}
	return value
}

// dump reads every row of every table.
func (w *whole) dump() map[string]string {
	w.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+databasePath(w.cfg)+"?mode=ro")
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	out := make(map[string]string)
	for _, name := range strings.Fields(w.read(db, `SELECT group_concat(name, ' ') FROM sqlite_master WHERE type = 'table'`)) {
		out[name] = w.read(db, `SELECT * FROM `+name)
	}
	if len(out) < 20 {
		w.t.Fatalf("only the tables %v", out)
	}
	return out
}

// read gives what a query gives, a line for each row.
func (w *whole) read(db *sql.DB, query string) string {
	w.t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	var out strings.Builder
	for rows.Next() && err == nil {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(sql.RawBytes)
		}
		err = rows.Scan(values...)
		for _, value := range values {
			fmt.Fprintf(&out, "%s ", *value.(*sql.RawBytes))
		}
		out.WriteString("\n")
	}
	if err == nil {
		err = rows.Err()
	}
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return out.String()
}

// difference lists the rows that are gone or new.
func difference(before, after map[string]string) string {
	var out strings.Builder
	for name := range after {
		was, is := strings.Split(before[name], "\n"), strings.Split(after[name], "\n")
		for _, row := range was {
			if !slices.Contains(is, row) {
				fmt.Fprintf(&out, "%s had %q\n", name, row)
			}
		}
		for _, row := range is {
			if !slices.Contains(was, row) {
				fmt.Fprintf(&out, "%s has %q\n", name, row)
			}
		}
	}
	return out.String()
}
