package rtmcompat_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const historyPath = "/dev/v2/project/" + appID + "/rtm/message/history"

// filter writes a filter of all times, its values changed by pairs of a key and a value.
func filter(pairs ...any) map[string]any {
	fields := map[string]any{"start_time": "2000-01-01T00:00:00Z", "end_time": "2999-12-31T23:59:59.999Z"}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i].(string)] = pairs[i+1]
	}
	return fields
}

// query writes the body of a query.
func query(filter any, pairs ...any) string {
	fields := map[string]any{"filter": filter}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i].(string)] = pairs[i+1]
	}
	body, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(body)
}

// as gives a request the token of a user in the place of the key; "" leaves the key.
func as(t *testing.T, uid string, r *http.Request) *http.Request {
	t.Helper()
	if uid != "" {
		r.Header.Del("Authorization")
		r.Header.Set("x-ar-token", token(t, formats[0], uid))
		r.Header.Set("x-ar-uid", uid)
	}
	return r
}

// get makes a good GET with a key of the app.
func get(target string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.SetBasicAuth("key", "se:cret")
	return r
}

// A queryAnswer is the answer to a query that was taken.
type queryAnswer struct {
	Offset, Limit   int
	Order, Location string
}

// ask makes a query and gives the path of its result.
func (r *rig) ask(req *http.Request) (path string, made queryAnswer) {
	r.t.Helper()
	a := r.do(req)
	a.want(r.t, http.StatusOK, "")
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		r.t.Fatal(err)
	}
	rest, ok := strings.CutPrefix(made.Location, "~/rtm/message/history/query/")
	if !ok || rest == "" || url.PathEscape(rest) != rest {
		r.t.Fatalf("the location is %q", made.Location)
	}
	return "/dev/v2/project/" + appID + made.Location[1:], made
}

// A message is one of the history.
type message struct {
	Src, Dst, Payload string
	Kind              string `json:"message_type"`
	MS                int64
}

func (m message) String() string { return m.Src + ">" + m.Dst + ":" + m.Payload }

// read gives the messages of a page.
func (r *rig) read(req *http.Request) (messages []message) {
	r.t.Helper()
	a := r.do(req)
	a.want(r.t, http.StatusOK, "ok")
	var body struct{ Messages *[]message }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Messages == nil {
		r.t.Fatalf("the answer is %s, %v", a.body, err)
	}
	return *body.Messages
}

// history gives what a user, or "" for the key, finds.
func (r *rig) history(uid, body string) (found []string) {
	r.t.Helper()
	path, _ := r.ask(as(r.t, uid, request(historyPath+"/query", body)))
	for _, m := range r.read(as(r.t, uid, get(path))) {
		found = append(found, m.String())
	}
	return found
}

// tell sends a peer message for the history.
func (r *rig) tell(from, to, payload string) {
	r.t.Helper()
	r.do(request(peerPath(from), object("destination", to, "payload", payload, "enable_historical_messaging", true))).
		want(r.t, http.StatusOK, "message_sent")
}

// tellChannel keeps a channel message. There is no way to send one yet.
func (r *rig) tellChannel(app, localpart, channel, payload string) {
	r.t.Helper()
	_, err := r.store.Accept(r.t.Context(), todevice.Batch{Records: []todevice.RTMRecord{{
		App: app, Source: todevice.UserID{Localpart: localpart, Server: serverName}, Channel: channel, Payload: payload, At: time.Now(),
	}}})
	if err != nil {
		r.t.Fatal(err)
	}
}

// fillHistory has messages of every kind.
func (r *rig) fillHistory() {
	r.t.Helper()
	r.tell("Ann", "bob", "1")
	r.tell("bob", "Ann", "2")
	r.tell("eve", "bob", "3")
	r.tellChannel(appID, namespace+"_ann", "room", "4")
	r.tellChannel(appID, namespace+"bob", "room", "5")
	r.tellChannel(appID, namespace+"eve", "bob", "6") // a channel of a user's name
	r.tell("Ann", "@carol:elsewhere.test", "7")
	r.tellChannel(otherAppID, "_ann", "room", "8")
}

func TestTheHistoryIsAskedForBySourceAndDestination(t *testing.T) {
	r := newRig(t)
	r.fillHistory()
	const bob, carol = "@rtm_demo_bob:chappe.test", "@carol:elsewhere.test"
	for _, c := range []struct {
		source, destination string
		want                []string
	}{
		{"", "bob", []string{"Ann>bob:1", "eve>bob:3", "eve>bob:6"}},
		{"", "room", []string{"Ann>room:4", "bob>room:5"}},
		{"Ann", "", []string{"Ann>bob:1", "Ann>room:4", "Ann>" + carol + ":7"}},
		{"Ann", "bob", []string{"Ann>bob:1"}},
		{"eve", "bob", []string{"eve>bob:3", "eve>bob:6"}},
		{"Ann", "room", []string{"Ann>room:4"}},
		{"room", "", nil},
		{"room", "bob", nil},
		{"ann", "", nil}, // case counts
		{"", "Room", nil},
		{"", bob, []string{"Ann>bob:1", "eve>bob:3"}},
		{bob, "", []string{"bob>Ann:2", "bob>room:5"}},
		{"", carol, []string{"Ann>" + carol + ":7"}},
		{"Ann", carol, []string{"Ann>" + carol + ":7"}},
	} {
		got := r.history("", query(filter("source", c.source, "destination", c.destination)))
		if !slices.Equal(got, c.want) {
			t.Errorf("from %q to %q: got %q, want %q", c.source, c.destination, got, c.want)
		}
		slices.Reverse(c.want)
		if got := r.history("", query(filter("source", c.source, "destination", c.destination), "order", "desc")); !slices.Equal(got, c.want) {
			t.Errorf("from %q to %q, descending: got %q, want %q", c.source, c.destination, got, c.want)
		}
		r.wantCount("", url.Values{"source": {c.source}, "destination": {c.destination}}, len(c.want))
	}
}

// wantCount checks the count of a filter of all times.
func (r *rig) wantCount(uid string, parameters url.Values, want int) {
	r.t.Helper()
	for name, value := range filter() {
		if !parameters.Has(name) {
			parameters.Set(name, value.(string))
		}
	}
	a := r.do(as(r.t, uid, get(historyPath+"/count?"+parameters.Encode())))
	a.want(r.t, http.StatusOK, "ok")
	var body struct{ Count *int }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Count == nil || *body.Count != want {
		r.t.Errorf("%v: the count is %s, %v, want %d", parameters, a.body, err, want)
	}
}

func TestHistoryQueriesAreValidated(t *testing.T) {
	const bad = "invalid_parameter"
	long := strings.Repeat("x", 64)
	full := func(length int) string { return "@" + strings.Repeat("x", length-len("@:e.test")) + ":e.test" }
	to := func(pairs ...any) map[string]any { return filter(append([]any{"destination", "bob"}, pairs...)...) }
	at := func(name string, value any) string { return query(to(name, value)) }
	cases := []struct{ name, body, code string }{
		{"least", query(to()), ""},
		{"all", query(to("source", "ann"), "offset", 0, "limit", 20, "order", "asc"), ""},
		{"unknown keys", query(to("x", 1), "offSet", 1, "Limit", "many"), ""},
		{"nothing", `{}`, bad},
		{"filter null", query(nil), bad},
		{"filter a list", query([]any{}), bad},
		{"filter a text", query("bob"), bad},
		{"filter under another case", strings.Replace(query(to()), "filter", "Filter", 1), bad},

		{"neither source nor destination", query(filter()), bad},
		{"both empty", query(filter("source", "", "destination", "")), bad},
		{"source empty", query(to("source", "")), ""},
		{"destination empty", query(filter("source", "ann", "destination", "")), ""},
		{"source null", query(to("source", nil)), bad},
		{"source a number", query(to("source", 1)), bad},
		{"source of 64", query(to("source", long)), ""},
		{"source of 65", query(to("source", long+"x")), bad},
		{"source with a star", query(to("source", "a*")), bad},
		{"source a user ID of 255", query(to("source", full(255))), ""},
		{"source a user ID of 256", query(to("source", full(256))), bad},
		{"destination null", at("destination", nil), bad},
		{"destination of 64", at("destination", long), ""},
		{"destination of 65", at("destination", long+"x"), bad},
		{"destination with a slash", at("destination", "a/b"), bad},
		{"destination with a quote", at("destination", `"bob"`), bad},
		{"destination with spaces around", at("destination", " bob "), ""},
		{"destination a user ID of 255", at("destination", full(255)), ""},
		{"destination a user ID of 256", at("destination", full(256)), bad},
		{"destination half a pair", strings.Replace(query(to()), `"bob"`, `"bob\ud800"`, 1), bad},

		{"no start", query(map[string]any{"destination": "bob", "end_time": "2019-08-01T01:32:10Z"}), bad},
		{"no end", query(map[string]any{"destination": "bob", "start_time": "2019-08-01T01:32:10Z"}), bad},
		{"start is the end", query(to("start_time", "2019-08-01T01:22:10Z", "end_time", "2019-08-01T01:22:10Z")), ""},
		{"start a millisecond after the end", query(to("start_time", "2019-08-01T01:22:10.001Z", "end_time", "2019-08-01T01:22:10Z")), bad},
		{"last year", at("end_time", "9999-12-31T23:59:59.999999999Z"), ""},

		{"limit 0", query(to(), "limit", 0), bad},
		{"limit 1", query(to(), "limit", 1), ""},
		{"limit 10", query(to(), "limit", 10), ""},
		{"limit 100", query(to(), "limit", 100), ""},
		{"limit 101", query(to(), "limit", 101), bad},
		{"limit with a fraction", query(to(), "limit", 1.5), bad},
		{"limit with an exponent", query(to(), "limit", json.RawMessage(`1e1`)), bad},
		{"limit a text", query(to(), "limit", "20"), bad},
		{"limit null", query(to(), "limit", nil), bad},
		{"offset -1", query(to(), "offset", -1), bad},
		{"offset 2147483647", query(to(), "offset", 2147483647), ""},
		{"offset 2147483648", query(to(), "offset", 2147483648), bad},
		{"offset beyond all numbers", query(to(), "offset", json.RawMessage(strings.Repeat("9", 100))), bad},
		{"offset a text", query(to(), "offset", "0"), bad},
		{"order asc", query(to(), "order", "asc"), ""},
		{"order desc", query(to(), "order", "desc"), ""},
		{"order in upper case", query(to(), "order", "DESC"), bad},
		{"order empty", query(to(), "order", ""), bad},
		{"order null", query(to(), "order", nil), bad},
	}
	for value, code := range times() {
		cases = append(cases, struct{ name, body, code string }{"start " + value, query(to("start_time", value)), code})
	}
	r := newRig(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := r.do(request(historyPath+"/query", c.body))
			a.want(t, map[string]int{"": 200, bad: 400}[c.code], c.code)
		})
	}
}

// times has texts in the place of a time, and the code of the answer.
func times() map[string]string {
	const bad = "invalid_parameter"
	return map[string]string{
		"2019-08-01T01:22:10Z":           "",
		"2019-08-01T01:22:46.039Z":       "",
		"2019-08-01T01:22:46.0Z":         "",
		"2019-08-01T01:22:46.123456789Z": "",
		"2020-02-29T00:00:00Z":           "",
		"0000-01-01T00:00:00Z":           "",
		"":                               bad,
		"2019-08-01":                     bad,
		"2019-08-01T01:22:10":            bad,
		"2019-08-01 01:22:10Z":           bad,
		"2019-08-01t01:22:10z":           bad,
		"2019-08-01T1:22:10Z":            bad,
		"2019-08-01T01:22:10,5Z":         bad,
		"2019-08-01T01:22:10.Z":          bad,
		"2019-08-01T01:22:10+00:00":      bad,
		"2019-08-01T03:22:10+02:00":      bad,
		"2019-08-01T24:00:00Z":           bad,
		"2019-08-01T01:60:00Z":           bad,
		"2019-08-01T01:22:60Z":           bad,
		"2019-02-29T00:00:00Z":           bad,
		"2019-13-01T00:00:00Z":           bad,
		" 2019-08-01T01:22:10Z":          bad,
		"19-08-01T01:22:10Z":             bad,
		"1564622530":                     bad,
	}
}

func TestTheParametersOfACountAreValidated(t *testing.T) {
	const bad = "invalid_parameter"
	const from, until = "&start_time=2000-01-01T00:00:00Z", "&end_time=2999-12-31T23:59:59Z"
	cases := map[string]string{
		"source=Ann" + from + until:                                                         "",
		"source=&destination=bob" + from + until:                                            "",
		`source="Ann"&destination="bob"&start_time="2000-01-01T00:00:00Z"` + until:          "",
		`source=%22Ann%22&destination=%22%22&start_time=%222000-01-01T00:00:00Z%22` + until: "",
		"source=Ann&x=1&limit=0" + from + until:                                             "",
		"source=" + strings.Repeat("x", 64) + from + until:                                  "",
		"source=" + strings.Repeat("x", 65) + from + until:                                  bad,
		`source="Ann` + from + until:                                                        bad,
		`source=Ann"` + from + until:                                                        bad,
		`source="` + from + until:                                                           bad,
		`source=""Ann""` + from + until:                                                     bad,
		"":                                                                                  bad,
		from + until:                                                                        bad,
		`source=""&destination=""` + from + until:                                           bad,
		"source=Ann" + from:                                                                 bad,
		"source=Ann" + until:                                                                bad,
		"source=Ann&source=Ann" + from + until:                                              bad,
		"source=Ann&end_time=2999-12-31T23:59:59Z" + from + until:                           bad,
		"source=Ann&start_time=2999-12-31T23:59:59.001Z" + until:                            bad,
		"source=Ann&start_time=2999-12-31T23:59:59.000Z" + until:                            "",
		"source=%zz" + from + until:                                                         bad,
		"source=%FF" + from + until:                                                         bad,
	}
	for value, code := range times() {
		cases["source=Ann&start_time="+url.QueryEscape(value)+until] = code
	}
	r := newRig(t)
	for parameters, code := range cases {
		t.Run(parameters, func(t *testing.T) {
			req := get(historyPath + "/count")
			req.URL.RawQuery = parameters
			r.do(req).want(t, map[string]int{"": 200, bad: 400}[code], map[string]string{"": "ok", bad: bad}[code])
		})
	}
}

func TestQuotedAndBareParametersMeanTheSame(t *testing.T) {
	r := newRig(t)
	r.fillHistory()
	r.tell("a+b", "c d", "9")
	r.wantCount("", url.Values{"source": {`"Ann"`}, "destination": {`"bob"`}}, 1)
	r.wantCount("", url.Values{"source": {"a+b"}, "destination": {`"c d"`}}, 1)
	r.wantCount("", url.Values{"source": {`""`}, "destination": {"room"}, "start_time": {`"2000-01-01T00:00:00Z"`}}, 2)
}

func TestAQueryIsAnsweredWithItsPage(t *testing.T) {
	r := newRig(t)
	for i := range 30 {
		r.tell("ann", "bob", fmt.Sprint(i))
	}
	for body, want := range map[string]queryAnswer{
		query(filter("source", "ann")):                                              {0, 20, "asc", ""},
		query(filter("source", "ann"), "offset", 7, "limit", 5, "order", "asc"):     {7, 5, "asc", ""},
		query(filter("source", "ann"), "offset", 29, "limit", 100, "order", "desc"): {29, 100, "desc", ""},
		query(filter("source", "ann"), "offset", 30, "limit", 1):                    {30, 1, "asc", ""},
		query(filter("source", "ann"), "offset", 2147483647, "limit", 1):            {2147483647, 1, "asc", ""},
	} {
		path, made := r.ask(request(historyPath+"/query", body))
		if made.Location = ""; made != want {
			t.Errorf("%s: the answer is %+v", body, made)
		}
		var payloads []string
		for i := want.Offset; i < min(want.Offset+want.Limit, 30); i++ {
			payloads = append(payloads, fmt.Sprint(map[string]int{"asc": i, "desc": 29 - i}[want.Order]))
		}
		var got []string
		for _, m := range r.read(get(path)) {
			got = append(got, m.Payload)
		}
		if !slices.Equal(got, payloads) {
			t.Errorf("%s: got %q, want %q", body, got, payloads)
		}
	}
}

func TestAMessageOfTheHistoryIsToldInFull(t *testing.T) {
	r := newRig(t)
	bob := r.device(namespace+"bob", "RTM")
	payload := "\x00\u2028<&>\"\U0001F600"
	r.do(request(peerPath("a b"), object("payload", payload, "enable_historical_messaging", true, "enable_offline_messaging", true))).
		want(t, http.StatusOK, "message_sent")
	r.tellChannel(appID, "alice", "room", "from a Matrix user")
	sent := r.pending(bob)[0].Content.ServerTS
	path, _ := r.ask(request(historyPath+"/query", query(filter("source", "a b"))))
	want := message{Src: "a b", Dst: "bob", Payload: payload, Kind: "peer_message", MS: sent}
	if got := r.read(get(path)); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	path, _ = r.ask(request(historyPath+"/query", query(filter("destination", "room"))))
	got := r.read(get(path))
	if len(got) != 1 || got[0].Kind != "channel_message" || got[0].Src != "@alice:"+serverName || got[0].Dst != "room" {
		t.Errorf("got %+v", got)
	}
}

func TestATokenReadsWhatConcernsItsUser(t *testing.T) {
	apps := testApps()
	apps[1].Certificate = certificate
	r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: apps}, nil)
	r.fillHistory()
	if err := r.store.NoteInChannel(t.Context(), appID, todevice.UserID{Localpart: namespace + "visitor", Server: serverName}, "room"); err != nil {
		t.Fatal(err)
	}
	own := "@" + namespace + "bob:" + serverName
	for _, c := range []struct {
		uid, source, destination string
		want                     []string // nil where it is refused
	}{
		{"bob", "bob", "", []string{"bob>Ann:2", "bob>room:5"}},
		{"bob", own, "", []string{"bob>Ann:2", "bob>room:5"}},
		{"bob", "bob", "Ann", []string{"bob>Ann:2"}},
		{"bob", "bob", "other room", []string{}},
		{"bob", "", "bob", []string{"Ann>bob:1", "eve>bob:3"}}, // not the channel of the name
		{"bob", "", own, []string{"Ann>bob:1", "eve>bob:3"}},
		{"bob", "eve", "bob", []string{"eve>bob:3"}},
		{"bob", "", "room", []string{"Ann>room:4", "bob>room:5"}}, // has sent there
		{"bob", "Ann", "room", []string{"Ann>room:4"}},
		{"visitor", "", "room", []string{"Ann>room:4", "bob>room:5"}}, // has been there
		{"visitor", "Ann", "room", []string{"Ann>room:4"}},
		{"eve", "", "bob", []string{"eve>bob:6"}}, // the channel, not the user
		{"bob", "Ann", "", nil},
		{"bob", "", "Ann", nil},
		{"bob", "Ann", "eve", nil},
		{"bob", "eve", "@carol:elsewhere.test", nil},
		{"bob", "", "other room", nil},
		{"eve", "", "room", nil},
		{"eve", "Ann", "room", nil},
		{"Bob", "", "bob", nil},
		{"visitor", "Ann", "", nil},
	} {
		name := fmt.Sprintf("%s asks from %q to %q", c.uid, c.source, c.destination)
		body := query(filter("source", c.source, "destination", c.destination))
		if c.want == nil {
			r.do(as(t, c.uid, request(historyPath+"/query", body))).want(t, http.StatusUnauthorized, "unauthorized")
			parameters := url.Values{"source": {c.source}, "destination": {c.destination}, "start_time": {"2000-01-01T00:00:00Z"}, "end_time": {"2001-01-01T00:00:00Z"}}
			r.do(as(t, c.uid, get(historyPath+"/count?"+parameters.Encode()))).want(t, http.StatusUnauthorized, "unauthorized")
			continue
		}
		if got := r.history(c.uid, body); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		r.wantCount(c.uid, url.Values{"source": {c.source}, "destination": {c.destination}}, len(c.want))
	}
}

func TestAnOpenHistoryIsReadByEveryUserOfTheApp(t *testing.T) {
	apps := testApps()
	apps[0].OpenHistory = true
	r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: apps}, nil)
	r.fillHistory()
	if got := r.history("eve", query(filter("destination", "room"))); len(got) != 2 {
		t.Errorf("a channel has %q", got)
	}
	if got := r.history("stranger", query(filter("source", "Ann"))); len(got) != 3 {
		t.Errorf("a user has sent %q", got)
	}
	req := get(historyPath + "/count?source=Ann")
	req.Header.Del("Authorization")
	r.do(req).want(t, http.StatusUnauthorized, "unauthorized")
}

// An uid may look like the Matrix ID of somebody else.
func TestATokenOfAnUIDThatLooksLikeAMatrixUserReadsNotTheirs(t *testing.T) {
	r := newRig(t)
	const uid = "@carol:elsewhere.test"
	r.fillHistory()
	r.tell(uid, "bob", "9")
	if got := r.history(uid, query(filter("destination", uid))); len(got) != 0 {
		t.Errorf("the user of the uid reads %q", got)
	}
	if got, want := r.history(uid, query(filter("source", uid))), []string{"@rtm_demo_=40carol=3aelsewhere.test:" + serverName + ">bob:9"}; !slices.Equal(got, want) {
		t.Errorf("the user of the uid reads %q, want %q", got, want)
	}
}
