package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counting does something when so many requests were made, before the last of them.
type counting struct {
	http.RoundTripper
	at         int
	reached    func()
	made       atomic.Int64
	registered atomic.Int64 // accounts
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.made.Add(1) == int64(c.at) {
		c.reached()
	}
	response, err := c.RoundTripper.RoundTrip(r)
	if err == nil && r.URL.Path == registerPath && response.StatusCode == http.StatusOK {
		c.registered.Add(1)
	}
	return response, err
}

// paced is a run in a bubble: at a rate, since without one it would never rest.
func paced(t *testing.T) options {
	return brief(t, "http://other.test", "-senders", "4", "-receivers", "3", "-scenario", latencyScenario, "-for", "2s", "-warmup", "1s")
}

func TestAServerThatWritesOtherJSONIsUnderstood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOtherServer()
		var out strings.Builder
		if err := at(t, o).bench(t.Context(), paced(t), &out); err != nil {
			t.Error(err)
		}
		// Two seconds of 200 messages; each takes the server a millisecond.
		tells(t, out.String(), `it does not tell its name; Matrix "r0.6.1 v1.11"`, "PUT/s 200 delivered/s 200",
			"send to sync p50, ms 1 ", "latency: lost 0, duplicated 0, out of order 0")
		if len(o.users) > 0 || len(o.removed) != 7 {
			t.Errorf("%d accounts are there, %d were removed", len(o.users), len(o.removed))
		}
	})
}

func TestEveryFaultOfAHomeserverIsSeen(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*otherServer)
		tells string
		fails string // "" where the run is good
	}{
		"it loses one": {func(o *otherServer) {
			o.copies = func(n int) int { return min(1, (n-100)*(n-100)) }
		}, "latency: lost 1, duplicated 0, out of order 0", "was lost"},
		"it brings one twice": {func(o *otherServer) {
			o.copies = func(n int) int { return 2 - min(1, (n-100)*(n-100)) }
		}, "latency: lost 0, duplicated 1, out of order 0", "was lost"},
		"it damages one": {func(o *otherServer) {
			o.rewrite = func(content string) string { return strings.Replace(content, "xx", "xy", 1) }
		}, "", errDamaged.Error()},
		"it renames a member": {func(o *otherServer) {
			o.rewrite = func(content string) string { return strings.Replace(content, `"at"`, `"At"`, 1) }
		}, "", errDamaged.Error()},
		"it adds a member": {func(o *otherServer) {
			o.rewrite = func(content string) string { return strings.Replace(content, "{", `{"more":1,`, 1) }
		}, "", errDamaged.Error()},
		"its answers are lost at times": {func(o *otherServer) {
			n := 0
			o.broken = func(r *http.Request) error {
				if n++; n%10 == 0 && r.Method != http.MethodPost {
					return errors.New("connection reset")
				}
				return nil
			}
		}, "answers 5xx or none # latency: lost 0, duplicated 0, out of order 0", ""},
		"it answers 429 at times": {func(o *otherServer) {
			o.refuse = func(w http.ResponseWriter, r *http.Request) bool {
				if o.requests%7 > 0 {
					return false
				}
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = w.Write([]byte(`{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":20}`))
				return true
			}
		}, "answers 429 # answers 5xx or none 0 latency: lost 0, duplicated 0, out of order 0", ""},
		"it is gone": {func(o *otherServer) {
			o.broken = func(r *http.Request) error {
				if r.Method == http.MethodPut {
					return errors.New("connection refused")
				}
				return nil
			}
		}, "", "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOtherServer()
				test.spoil(o)
				var out strings.Builder
				err := at(t, o).bench(t.Context(), paced(t), &out)
				if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
					t.Errorf("the run ends with %v, want %q", err, test.fails)
				}
				tells(t, out.String(), test.tells)
				if len(o.users) > 0 {
					t.Errorf("%d accounts are there still", len(o.users))
				}
			})
		})
	}
}

// A server that turns two messages round breaks no promise of the specification.
func TestAnotherOrderIsToldAndFailsNobody(t *testing.T) {
	var r hsReport
	r.add(localScenario, hsResult{result: result{elapsed: time.Second, verdict: verdict{OutOfOrder: 2}}}, "some")
	var out strings.Builder
	r.print(&out)
	tells(t, out.String(), "local: lost 0, duplicated 0, out of order 2")
	if !r.kept() {
		t.Error("a server was failed for its order")
	}
	for _, v := range []verdict{{Lost: 1}, {Duplicated: 1}, {Misdelivered: 1}} {
		r.Scenarios[0].Verdict = v
		if r.kept() {
			t.Errorf("a server is not failed for %v", v)
		}
	}
}

func TestMessagesOfAnEarlierRunAreNoBusinessOfThis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOtherServer()
		h := at(t, o)
		accounts, err := h.register(t.Context(), []string{"a", "b"}, "")
		if err != nil {
			t.Fatal(err)
		}
		run := paced(t)
		earlier := h.newLoad(run, accounts[:1], accounts[1:], 200)
		if err := earlier.senders[0].send(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		result, err := h.newLoad(run, accounts[:1], accounts[1:], 200).run(t.Context())
		if err != nil || !result.verdict.kept() || result.delivered == 0 {
			t.Errorf("%d were delivered, and the verdict is %v (%v)", result.delivered, result.verdict, err)
		}
	})
}

func TestAContentIsReadAsJSONAndDamageShows(t *testing.T) {
	c := newCodec(96)
	want := message{at: 12345, from: 7, seq: 42}
	sent := string(c.append(nil, want))
	pad := strings.Repeat("x", strings.Count(sent, "x"))
	for name, test := range map[string]struct {
		content string
		ok      bool
	}{
		"as sent":           {sent, true},
		"in another order":  {`{"seq":42, "pad":"` + pad + `", "at":12345, "from":7}`, true},
		"with escapes":      {strings.ReplaceAll(sent, "x", `\u0078`), true},
		"a member less":     {`{"seq":42,"pad":"` + pad + `","at":12345}`, false},
		"a member more":     {`{"seq":42,"pad":"` + pad + `","at":12345,"from":7,"z":1}`, false},
		"another pad":       {strings.Replace(sent, "x", "y", 1), false},
		"a shorter pad":     {strings.Replace(sent, "x", "", 1), false},
		"a number as text":  {strings.Replace(sent, "42", `"42"`, 1), false},
		"null":              {"null", false},
		"nothing":           {"", false},
		"bytes of no UTF-8": {strings.Replace(sent, "x", "\xff", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := c.parseJSON([]byte(test.content))
			if ok != test.ok || ok && got != want {
				t.Errorf("read as %+v, %t; want %+v, %t", got, ok, want, test.ok)
			}
		})
	}
}

func TestAServerIsLeftAloneAsLongAsItAsks(t *testing.T) {
	for name, test := range map[string]struct {
		header, body string
		hold         time.Duration
	}{
		"by the header":      {"3", `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":20}`, 3 * time.Second},
		"by a date":          {"Sat, 01 Jan 2000 00:00:10 GMT", `{}`, 10 * time.Second},
		"by the field":       {"", `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":250}`, 250 * time.Millisecond},
		"it does not say":    {"", `<html>`, limitedPause},
		"for less than zero": {"-5", `{"retry_after_ms":-1}`, limitedPause},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // in which it is 2000
				header := http.Header{}
				if test.header != "" {
					header.Set("Retry-After", test.header)
				}
				if got := refusalOf(http.StatusTooManyRequests, header, []byte(test.body)).hold; got != test.hold {
					t.Errorf("%v, want %v", got, test.hold)
				}
			})
		})
	}
}

func TestAServerThatAsksForTooMuchPatienceIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOtherServer()
		o.refuse = func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Retry-After", "99999999999")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		begin := time.Now()
		if err := at(t, o).get(t.Context(), syncPath, "", nil); err == nil || time.Since(begin) > 0 {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

func TestAWaitEndsWithTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOtherServer()
		o.refuse = func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		err := at(t, o).get(ctx, syncPath, "", nil)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}
