package federationapi_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/todevice"
)

const send = "/_matrix/federation/v1/send/"

// event is what a device gets of a numbered message of edu.
func event(n int) string {
	return fmt.Sprintf(`{"content":{"n":%d},"sender":"@s:there.test","type":"t"}`, n)
}

// message writes a numbered message to @alice:here.test's device D.
func message(n int) string { return fmt.Sprintf(`{"@alice:here.test":{"D":{"n":%d}}}`, n) }

func TestMessageArrivesOnceHoweverOftenItComes(t *testing.T) {
	h := newHouse(t, options{})
	key := remotetest.Key("1")
	h.knows(there, key, 0)
	h.knows("else.test", key, 0)
	inbox := h.device("alice", "D")
	fromElse := strings.ReplaceAll(transaction(edu("m1", message(5))), "there.test", "else.test")
	for _, step := range []struct {
		name string
		put  func() int
		want []int
	}{
		{"first", func() int { return h.put(there, key, send+"t1", transaction(edu("m1", message(1)))).Code }, []int{1}},
		{"the transaction again", func() int { return h.put(there, key, send+"t1", transaction(edu("m1", message(1)))).Code }, []int{1}},
		{"with a slash at the end", func() int { return h.put(there, key, send+"t1/", transaction(edu("m1", message(1)))).Code }, []int{1}},
		{"again, with another body", func() int { return h.put(there, key, send+"t1", transaction(edu("m9", message(9)))).Code }, []int{1}},
		{"the EDU in another transaction", func() int {
			return h.put(there, key, send+"t2", transaction(edu("m1", message(1)), edu("m2", message(2)))).Code
		}, []int{1, 2}},
		{"twice in one transaction", func() int {
			return h.put(there, key, send+"t3", transaction(edu("m3", message(3)), edu("m3", message(3)))).Code
		}, []int{1, 2, 3}},
		{"without an ID, twice", func() int {
			return h.put(there, key, send+"t4", transaction(edu("", message(4)), edu("", message(4)))).Code
		}, []int{1, 2, 3, 4, 4}},
	} {
		if code := step.put(); code != 200 {
			t.Fatalf("%s: status %d", step.name, code)
		}
		var want []string
		for _, n := range step.want {
			want = append(want, event(n))
		}
		if got := h.events(inbox); !slices.Equal(got, want) {
			t.Fatalf("%s: got %v, want %v", step.name, got, want)
		}
	}
	if code := h.put("else.test", key, send+"t1", fromElse).Code; code != 200 || len(h.events(inbox)) != 6 {
		t.Errorf("the same IDs of another server: status %d, %d events, want 6", code, len(h.events(inbox)))
	}
}

func TestEachDeviceGetsItsContent(t *testing.T) {
	h := newHouse(t, options{})
	key := remotetest.Key("1")
	h.knows(there, key, 0)
	a, b, bob := h.device("alice", "A"), h.device("alice", "B"), h.device("bob", "A")
	messages := `{"@bob:here.test":{"A":{"n":3},"gone":{}},"@alice:here.test":{"*":{"n":1},"B":{"n":2}},"@nobody:here.test":{"*":{}},"@bob:there.test":{"A":{}}}`
	w := h.put(there, key, send+"t1", transaction(edu("m1", messages)))
	expect(t, w, 200, "")
	if w.Body.String() != `{"pdus":{}}` {
		t.Errorf("answer %s", w.Body)
	}
	for inbox, want := range map[todevice.InboxID]int{a: 1, b: 2, bob: 3} {
		if got := h.events(inbox); !slices.Equal(got, []string{event(want)}) {
			t.Errorf("got %v, want %s", got, event(want))
		}
	}
	if got := h.counter("federation_messages_dropped_total", "reason", "foreign_recipient"); got != 1 {
		t.Errorf("%v messages counted as dropped, want 1", got)
	}
}

func TestTransactionStandsWithItsBadParts(t *testing.T) {
	h := newHouse(t, options{})
	key := remotetest.Key("1")
	h.knows(there, key, 0)
	inbox := h.device("alice", "D")
	body := strings.Replace(transaction(
		edu("m1", message(1)),
		`{"edu_type":"m.direct_to_device"}`,
		strings.ReplaceAll(edu("m2", message(9)), "@s:there.test", "@s:else.test"),
		`{"edu_type":"m.typing","content":{}}`,
		edu("m3", message(2)),
	), `"pdus":[]`, `"pdus":[{"event_id":"$old:there.test"},{"type":"new"}]`, 1)
	for range 2 { // the second time it is a repetition, with the same answer
		w := h.put(there, key, send+"t1", body)
		expect(t, w, 200, "")
		if want := `{"pdus":{"$old:there.test":{"error":"unknown room: this server has no rooms"}}}`; w.Body.String() != want {
			t.Errorf("answer %s, want %s", w.Body, want)
		}
	}
	if got := h.events(inbox); !slices.Equal(got, []string{event(1), event(2)}) {
		t.Errorf("got %v", got)
	}
	for reason, want := range map[string]float64{"bad_shape": 1, "foreign_sender": 1} {
		if got := h.counter("federation_edus_dropped_total", "reason", reason); got != want {
			t.Errorf("%v EDUs counted as %s, want %v", got, reason, want)
		}
	}
}

func TestTransactionBeyondItsLimitsIsNotTouched(t *testing.T) {
	h := newHouse(t, options{})
	key := remotetest.Key("1")
	h.knows(there, key, 0)
	inbox := h.device("alice", "D")
	for _, c := range []struct {
		name, path, body string
		status           int
		errcode          string
	}{
		{"101 EDUs", "t1", transaction(slices.Repeat([]string{edu("", message(1))}, 101)...), 400, "M_INVALID_PARAM"},
		{"51 PDUs", "t1", strings.Replace(transaction(edu("", message(1))), `"pdus":[]`, `"pdus":[{}`+strings.Repeat(",{}", 50)+`]`, 1), 400, "M_INVALID_PARAM"},
		{"another origin in the body", "t1", strings.Replace(transaction(edu("", message(1))), `"origin":"there`, `"origin":"else`, 1), 403, "M_FORBIDDEN"},
		{"a long ID", strings.Repeat("x", 256), transaction(edu("", message(1))), 400, "M_INVALID_PARAM"},
		{"a list", "t1", `[]`, 400, "M_BAD_JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, h.put(there, key, send+c.path, c.body), c.status, c.errcode)
			if got := h.events(inbox); len(got) > 0 {
				t.Errorf("delivered %v", got)
			}
		})
	}
	expect(t, h.put(there, key, send+"t1", strings.Replace(transaction(edu("", message(1))), `"origin":"there.test",`, ``, 1)), 200, "")
	if got := h.events(inbox); len(got) != 1 {
		t.Errorf("without an origin in the body: %d events, want 1", len(got))
	}
}

// faultyRelay fails the first time, before or after the batch is durable.
type faultyRelay struct {
	federationapi.Relay
	after  bool
	failed *bool
}

func (r faultyRelay) Send(ctx context.Context, b todevice.Batch) (todevice.Accepted, error) {
	if *r.failed {
		return r.Relay.Send(ctx, b)
	}
	*r.failed = true
	if r.after {
		if _, err := r.Relay.Send(ctx, b); err != nil {
			return todevice.Accepted{}, err
		}
	}
	return todevice.Accepted{}, errors.New("disk full")
}

func TestRetryAfterAFaultDeliversOnce(t *testing.T) {
	for name, after := range map[string]bool{"before the commit": false, "after the commit": true} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, options{relay: func(real federationapi.Relay) federationapi.Relay {
				return faultyRelay{real, after, new(bool)}
			}})
			key := remotetest.Key("1")
			h.knows(there, key, 0)
			inbox := h.device("alice", "D")
			expect(t, h.put(there, key, send+"t1", transaction(edu("m1", message(1)))), 500, "M_UNKNOWN")
			expect(t, h.put(there, key, send+"t1", transaction(edu("m1", message(1)))), 200, "")
			if got := h.events(inbox); !slices.Equal(got, []string{event(1)}) {
				t.Errorf("got %v", got)
			}
		})
	}
}
