package clientapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/storage/sqlite"
)

func (d *door) send(c client, eventType, txnID, body string) answer {
	d.t.Helper()
	path := "/_matrix/client/v3/sendToDevice/" + url.PathEscape(eventType) + "/" + url.PathEscape(txnID)
	return d.do(http.MethodPut, path, c.token, body)
}

// to is a body that carries {"body": text} to each "user device".
func to(text string, recipients ...string) string {
	messages := map[string]map[string]any{}
	for _, recipient := range recipients {
		user, device, _ := strings.Cut(recipient, " ")
		if messages[user] == nil {
			messages[user] = map[string]any{}
		}
		messages[user][device] = map[string]any{"body": text}
	}
	return object(map[string]any{"messages": messages})
}

func TestSendStoresExactlySenderTypeAndContent(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A1"), d.register("bob", "B1")
	content := `{"sender":"@eve:chappe.test","big":9007199254740991,"z":[1, null],"a":"\u00e4"}`
	got := d.want(d.send(alice, "m.test", "1", `{"sender":"@eve:chappe.test","messages":{"@bob:chappe.test":{"B1":`+content+`}}}`), http.StatusOK, "")
	if got.raw != `{}` {
		t.Errorf("got %s", got.raw)
	}
	events := d.pending(bob)
	if len(events) != 1 {
		t.Fatalf("%d events: %s", len(events), events)
	}
	var event map[string]json.RawMessage
	if err := json.Unmarshal([]byte(events[0]), &event); err != nil {
		t.Fatal(err)
	}
	if len(event) != 3 || string(event["content"]) != content ||
		string(event["sender"]) != `"@alice:chappe.test"` || string(event["type"]) != `"m.test"` {
		t.Errorf("got %s", events[0])
	}
}

func TestSendToAllDevicesMeansOwnOnesToo(t *testing.T) {
	d := newDoor(t)
	a1 := d.register("alice", "A1")
	a2 := d.login("alice", "A2")
	d.want(d.send(a1, "m.test", "1", to("x", "@alice:chappe.test *")), http.StatusOK, "")
	for _, device := range []client{a1, a2} {
		if got := d.contents(device); !slices.Equal(got, []string{"x"}) {
			t.Errorf("%s has %q", device.device, got)
		}
	}
}

func TestSendPrefersTheNamedDeviceToAll(t *testing.T) {
	d := newDoor(t)
	alice, b1 := d.register("alice", "A1"), d.register("bob", "B1")
	b2 := d.login("bob", "B2")
	d.want(d.send(alice, "m.test", "1",
		`{"messages":{"@bob:chappe.test":{"*":{"body":"all"},"B1":{"body":"one"}}}}`), http.StatusOK, "")
	if got := d.contents(b1); !slices.Equal(got, []string{"one"}) {
		t.Errorf("the named device has %q", got)
	}
	if got := d.contents(b2); !slices.Equal(got, []string{"all"}) {
		t.Errorf("the other device has %q", got)
	}
}

func TestSendSkipsWhoDoesNotExist(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A1"), d.register("bob", "B1")
	d.want(d.send(alice, "m.test", "1", to("x", "@bob:chappe.test B1", "@bob:chappe.test B9", "@nobody:chappe.test *",
		"@BOB:chappe.test B1", "bob B1", "@bob B1", "@bob:chappe.test:x B1", "@:chappe.test B1", " B1",
		"@b ob:chappe.test B1", "@bob:chappe.test "+strings.Repeat("B", 600),
		"@bob:other.test:x B1", "@:other.test B1", "@bob:other.test "+strings.Repeat("B", 600))), http.StatusOK, "")
	if got := d.contents(bob); !slices.Equal(got, []string{"x"}) {
		t.Errorf("got %q", got)
	}
	if len(d.outbox.servers) != 0 {
		t.Errorf("something was forwarded to %q", d.outbox.servers)
	}
}

func TestSendQueuesForOtherServersWithoutWaiting(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	d.want(d.send(alice, "m.test", "1", to("x", "@bob:b.test B1", "@carol:c.test:8448 *")), http.StatusOK, "")
	for _, server := range []spec.ServerName{"b.test", "c.test:8448"} {
		transaction, err := d.store.NextTransaction(t.Context(), server, "", 100, 1<<20)
		if err != nil || transaction == nil || len(transaction.EDUs) != 1 {
			t.Errorf("for %s waits %v, %v", server, transaction, err)
		}
	}
}

func TestSendRepeatedIsSentOnce(t *testing.T) {
	d := newDoor(t)
	a1, bob := d.register("alice", "A1"), d.register("bob", "B1")
	a2 := d.login("alice", "A2")
	var want []string
	for _, c := range []struct {
		from            client
		eventType, txn  string
		text            string
		isNew, mustFail bool
	}{
		{from: a1, eventType: "m.test", txn: "1", text: "first", isNew: true},
		{from: a1, eventType: "m.test", txn: "1", text: "first"},
		{from: a1, eventType: "m.test", txn: "1", text: "another body"},
		{from: a1, eventType: "m.test", txn: "2", text: "another transaction", isNew: true},
		{from: a1, eventType: "m.other", txn: "1", text: "another type", isNew: true},
		{from: a2, eventType: "m.test", txn: "1", text: "another device", isNew: true},
		{from: bob, eventType: "m.test", txn: "1", text: "another user", isNew: true},
		// Only percent-encoding keeps these apart.
		{from: a1, eventType: "a/b", txn: "c", text: "slash in type", isNew: true},
		{from: a1, eventType: "a", txn: "b/c", text: "slash in transaction", isNew: true},
		{from: a1, eventType: "a\x00b", txn: "c", text: "NUL in type", isNew: true},
		{from: a1, eventType: "a", txn: "b\x00c", text: "NUL in transaction", isNew: true},
		{from: a1, eventType: "a/b", txn: "c", text: "repeated"},
	} {
		got := d.want(d.send(c.from, c.eventType, c.txn, to(c.text, "@bob:chappe.test B1")), http.StatusOK, "")
		if got.raw != `{}` {
			t.Errorf("%s: got %s", c.text, got.raw)
		}
		if c.isNew {
			want = append(want, c.text)
		}
	}
	if got := d.contents(bob); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestSendTwiceAtOnceIsSentOnce(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A1"), d.register("bob", "B1")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got := d.send(alice, "m.test", "1", to("x", "@bob:chappe.test B1")); got.status != http.StatusOK {
				t.Errorf("got %d %s", got.status, got.raw)
			}
		})
	}
	group.Wait()
	if got := d.contents(bob); !slices.Equal(got, []string{"x"}) {
		t.Errorf("got %q", got)
	}
}

func TestSendNothingIsNoError(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	for i, body := range []string{`{"messages":{}}`, `{"messages":{"@alice:chappe.test":{}}}`, `{"messages":{"nobody":{}}}`} {
		if got := d.want(d.send(alice, "m.test", fmt.Sprint(i), body), http.StatusOK, ""); got.raw != `{}` {
			t.Errorf("got %s", got.raw)
		}
	}
	// It counts as the request it was.
	d.want(d.send(alice, "m.test", "0", to("x", "@alice:chappe.test A1")), http.StatusOK, "")
	if got := d.pending(alice); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestSendRefusesAWrongShapeWhole(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	good := `"@alice:chappe.test":{"A1":{}}`
	for body, errcode := range map[string]string{
		`{}`:                          "M_BAD_JSON",
		`[]`:                          "M_BAD_JSON",
		`null`:                        "M_BAD_JSON",
		`"messages"`:                  "M_BAD_JSON",
		`{"messages":null}`:           "M_BAD_JSON",
		`{"messages":[]}`:             "M_BAD_JSON",
		`{"messages":"x"}`:            "M_BAD_JSON",
		`{"Messages":{` + good + `}}`: "M_BAD_JSON",
		`{"messages":{` + good + `,"@b:chappe.test":null}}`:                         "M_BAD_JSON",
		`{"messages":{` + good + `,"@b:chappe.test":[]}}`:                           "M_BAD_JSON",
		`{"messages":{` + good + `,"@b:chappe.test":{"B":null}}}`:                   "M_BAD_JSON",
		`{"messages":{` + good + `,"@b:chappe.test":{"B":"x"}}}`:                    "M_BAD_JSON",
		`{"messages":{` + good + `,"@b:chappe.test":{"B":[]}}}`:                     "M_BAD_JSON",
		`{"messages":{` + good + `,"nobody":{"B":1}}}`:                              "M_BAD_JSON",
		`{"messages":{` + good + `,"@b:other.test":{"B":{"f":1.5}}}}`:               "M_BAD_JSON",
		`{"messages":{` + good + `,"@b:chappe.test":{"B":{"f":1e3}}}}`:              "M_BAD_JSON",
		`{"messages":{` + good + `,"@b:chappe.test":{"B":{"i":9007199254740992}}}}`: "M_BAD_JSON",
		`{"messages":{` + good + `}`:                                                "M_NOT_JSON",
		`{"messages":{` + good + `}} {}`:                                            "M_NOT_JSON",
		``:                                                                          "M_NOT_JSON",
		"{\"messages\":{" + good + "},\"x\":\"\xff\"}":                              "M_NOT_JSON",
	} {
		d.want(d.send(alice, "m.test", "1", body), http.StatusBadRequest, errcode)
		if got := d.pending(alice); len(got) != 0 {
			t.Errorf("%s delivered %q", body, got)
		}
	}
	// A refused request does not use up its transaction ID.
	d.want(d.send(alice, "m.test", "1", to("x", "@alice:chappe.test A1")), http.StatusOK, "")
	if got := d.contents(alice); !slices.Equal(got, []string{"x"}) {
		t.Errorf("got %q", got)
	}
}

func TestSendLimitsOneContentNotTheSum(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A1"), d.register("bob", "B1")
	// The content {"body":"xxx"} has 11 bytes beside the text.
	fits := strings.Repeat("x", 65536-11)
	d.want(d.send(alice, "m.test", "1", to(fits, "@alice:chappe.test A1", "@bob:chappe.test B1")), http.StatusOK, "")
	for _, user := range []string{"@bob:chappe.test", "@bob:other.test"} {
		d.want(d.send(alice, "m.test", "2", to(fits+"x", user+" B1", "@alice:chappe.test A1")), http.StatusRequestEntityTooLarge, "M_TOO_LARGE")
	}
	for _, device := range []client{alice, bob} {
		if got := len(d.pending(device)); got != 1 {
			t.Errorf("%s has %d events", device.device, got)
		}
	}
}

func TestSendTakesABodyOfTwentyMebibytes(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	body := to("x", "@alice:chappe.test A1")
	body += strings.Repeat(" ", 20<<20-len(body))
	d.want(d.send(alice, "m.test", "1", body+" "), http.StatusRequestEntityTooLarge, "M_TOO_LARGE")
	d.want(d.send(alice, "m.test", "1", body), http.StatusOK, "")
	if got := d.contents(alice); !slices.Equal(got, []string{"x"}) {
		t.Errorf("got %q", got)
	}
}

func TestSendTakesAnyEventTypeOf255Bytes(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	long := strings.Repeat("t", 255)
	types := []string{"m.room.encrypted", "a/b", "ä €", "%2F", "*", long}
	for _, eventType := range types {
		d.want(d.send(alice, eventType, "1", to("x", "@alice:chappe.test A1")), http.StatusOK, "")
	}
	d.want(d.send(alice, long+"t", "1", to("x", "@alice:chappe.test A1")), http.StatusBadRequest, "M_INVALID_PARAM")
	d.want(d.send(alice, "\xff", "1", to("x", "@alice:chappe.test A1")), http.StatusBadRequest, "M_INVALID_PARAM")
	d.want(d.send(alice, "t", "\xff", to("x", "@alice:chappe.test A1")), http.StatusBadRequest, "M_INVALID_PARAM")
	var got []string
	for _, raw := range d.pending(alice) {
		var event struct{ Type string }
		if err := json.Unmarshal([]byte(raw), &event); err != nil {
			t.Fatal(err)
		}
		got = append(got, event.Type)
	}
	if !slices.Equal(got, types) {
		t.Errorf("got  %q\nwant %q", got, types)
	}
}

func TestSendToAFullInboxMayBeRetried(t *testing.T) {
	d := newDoor(t, func(_ *clientapi.Config, o *sqlite.Options) { o.MaxInboxRows = 1 })
	alice, bob := d.register("alice", "A1"), d.register("bob", "B1")
	d.want(d.send(alice, "m.test", "1", to("first", "@bob:chappe.test B1")), http.StatusOK, "")
	second := to("second", "@alice:chappe.test A1", "@bob:chappe.test B1")
	got := d.want(d.send(alice, "m.test", "2", second), http.StatusTooManyRequests, "M_LIMIT_EXCEEDED")
	if after, _ := got.body["retry_after_ms"].(float64); got.header.Get("Retry-After") != "30" || after != 30_000 {
		t.Errorf("Retry-After %q, %s", got.header.Get("Retry-After"), got.raw)
	}
	if got := d.pending(alice); len(got) != 0 {
		t.Errorf("the batch was accepted in part: %q", got)
	}
	events, _, err := d.store.Pending(t.Context(), d.inbox(bob), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.store.Confirm(t.Context(), d.inbox(bob), events[0].Position); err != nil {
		t.Fatal(err)
	}
	d.want(d.send(alice, "m.test", "2", second), http.StatusOK, "")
	if got := d.contents(bob); !slices.Equal(got, []string{"second"}) {
		t.Errorf("got %q", got)
	}
}
