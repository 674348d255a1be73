package federationapi_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/federationapi/signing"
)

// ask has a server send an empty transaction signed with a key, and gives the
// status.
func ask(h *house, origin *remotetest.Server, key signing.Key, txnID string) int {
	return h.put(origin.Name, key, send+txnID, `{"pdus":[]}`).Code
}

// A keyStep is something that happens to a server's keys, and what a request
// signed with one of them gets then.
type keyStep struct {
	name   string
	wait   time.Duration
	change func(*remotetest.Server)
	signed signing.Key
	status int
	asked  int // how often the keys were asked for by now
}

func TestKeysAreFetchedWhenTheyMustBe(t *testing.T) {
	one, two, other := remotetest.Key("1"), remotetest.Key("2"), remotetest.Key("3")
	other.ID = one.ID
	have := func(keys ...signing.Key) func(*remotetest.Server) {
		return func(r *remotetest.Server) { r.Keys = keys }
	}
	down := func(r *remotetest.Server) {
		r.Answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }
	}
	up := func(r *remotetest.Server) { r.Answer = nil }
	for _, c := range []struct {
		name  string
		steps []keyStep
	}{
		{"once, and then remembered", []keyStep{
			{"first", 0, nil, one, 200, 1},
			{"later", 5 * time.Hour, down, one, 200, 1},
		}},
		{"a new key", []keyStep{
			{"first", 0, nil, one, 200, 1},
			{"new", 2 * time.Minute, have(two), two, 200, 2},
			{"the old one is not forgotten", 0, nil, one, 200, 2},
		}},
		{"a new key under the old ID", []keyStep{
			{"first", 0, nil, one, 200, 1},
			{"within the hour it is a forgery", 30 * time.Minute, have(other), other, 401, 1},
			{"after it the server is asked", 31 * time.Minute, nil, other, 200, 2},
			{"the old one is replaced", 0, nil, one, 401, 2},
		}},
		{"a forgery does not displace the key", []keyStep{
			{"first", 0, nil, one, 200, 1},
			{"forged", 2 * time.Hour, nil, other, 401, 2},
			{"real", 0, nil, one, 200, 2},
		}},
		{"an expired key", []keyStep{
			{"first", 0, func(r *remotetest.Server) { r.ValidUntil = time.Now().Add(2 * time.Hour) }, one, 200, 1},
			{"expired, and the server is down", 2*time.Hour + time.Second, down, one, 401, 2},
			{"expired, and the server says the same", 2 * time.Minute, up, one, 401, 3},
			{"renewed", 2 * time.Minute, func(r *remotetest.Server) { r.ValidUntil = time.Now().Add(24 * time.Hour) }, one, 200, 4},
		}},
		{"never trusted beyond a week", []keyStep{
			{"first", 0, func(r *remotetest.Server) { r.ValidUntil = time.Now().Add(1000 * time.Hour) }, one, 200, 1},
			{"a week later", 7 * 24 * time.Hour, down, one, 401, 2},
		}},
		{"a server that fails is let alone, first for a second", []keyStep{
			{"first", 0, down, one, 401, 1},
			{"at once", 0, nil, one, 401, 1},
			{"after a second", time.Second, nil, one, 401, 2},
			{"a second later", time.Second, up, one, 401, 2},
			{"another second later", time.Second, nil, one, 200, 3},
		}},
		{"unknown keys do not flood the server", []keyStep{
			{"known", 0, nil, one, 200, 1},
			{"unknown", 0, nil, two, 401, 1},
			{"unknown, a second later", time.Second, nil, two, 401, 2},
			{"unknown, another second later", time.Second, nil, two, 401, 2},
			{"unknown, two seconds later", time.Second, nil, two, 401, 3},
			{"unknown, again", 0, nil, two, 401, 3},
			{"known", 0, nil, one, 200, 3},
		}},
		{"old keys are not for requests", []keyStep{
			{"old", 0, func(r *remotetest.Server) { r.Old = []signing.Key{two} }, two, 401, 1},
			{"new", 0, nil, one, 200, 1},
		}},
		{"keys of another server", []keyStep{
			{"first", 0, func(r *remotetest.Server) { r.Name = "else.test" }, one, 401, 1},
		}},
		{"an endless answer", []keyStep{
			{"first", 0, func(r *remotetest.Server) {
				r.Answer = func(w http.ResponseWriter, _ *http.Request) {
					_, _ = w.Write([]byte(`{"x":"`))
					for range 1024 {
						_, _ = w.Write(make([]byte, 1024))
					}
				}
			}, one, 401, 1},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := remotetest.New(t, there, one)
			h := newHouse(t, options{client: remotetest.Reaching(r)})
			for i, step := range c.steps {
				h.pass(step.wait)
				if step.change != nil {
					r.Change(step.change)
				}
				origin := &remotetest.Server{Name: there}
				if status := ask(h, origin, step.signed, fmt.Sprint(i)); status != step.status || r.TimesAsked() != step.asked {
					t.Fatalf("%s: status %d, asked %d times; want %d, %d", step.name, status, r.TimesAsked(), step.status, step.asked)
				}
			}
		})
	}
}

func TestKeysAreRenewedBeforeTheyExpire(t *testing.T) {
	one := remotetest.Key("1")
	r := remotetest.New(t, there, one)
	h := newHouse(t, options{client: remotetest.Reaching(r)})
	if status := ask(h, r, one, "1"); status != 200 {
		t.Fatalf("status %d", status)
	}
	release := make(chan struct{})
	r.Change(func(r *remotetest.Server) {
		r.ValidUntil = time.Now().Add(48 * time.Hour)
		r.Answer = func(w http.ResponseWriter, request *http.Request) {
			<-release
			r.Change(func(r *remotetest.Server) { r.Answer = nil; r.Asked-- })
			r.ServeHTTP(w, request)
		}
	})
	h.pass(13 * time.Hour) // of 24: more than half
	if status := ask(h, r, one, "2"); status != 200 {
		t.Fatalf("status %d while the key is renewed", status)
	}
	close(release)
	h.server.AwaitKeys()
	r.Change(func(r *remotetest.Server) {
		r.Answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }
	})
	h.pass(20 * time.Hour) // the first answer has expired, the second has not
	if status := ask(h, r, one, "3"); status != 200 {
		t.Errorf("status %d with the renewed key", status)
	}
}

func TestManyRequestsAskForKeysOnce(t *testing.T) {
	one := remotetest.Key("1")
	r := remotetest.New(t, there, one)
	h := newHouse(t, options{client: remotetest.Reaching(r)})
	var group sync.WaitGroup
	for i := range 9 { // one is at work, eight may wait
		group.Go(func() {
			if status := ask(h, r, one, fmt.Sprint(i)); status != 200 {
				t.Errorf("status %d", status)
			}
		})
	}
	group.Wait()
	if got := r.TimesAsked(); got != 1 {
		t.Errorf("asked %d times, want once", got)
	}
}

func TestSlowKeyServerHoldsUpNoOther(t *testing.T) {
	one := remotetest.Key("1")
	slow, quick := remotetest.New(t, "slow.test", one), remotetest.New(t, there, one)
	reached, release := make(chan struct{}), make(chan struct{})
	slow.Change(func(r *remotetest.Server) {
		r.Answer = func(w http.ResponseWriter, _ *http.Request) {
			close(reached)
			<-release
			w.WriteHeader(502)
		}
	})
	h := newHouse(t, options{client: remotetest.Reaching(slow, quick)})
	done := make(chan int)
	go func() { done <- ask(h, slow, one, "1") }()
	<-reached
	if status := ask(h, quick, one, "1"); status != 200 {
		t.Errorf("status %d for another origin meanwhile", status)
	}
	close(release)
	if status := <-done; status != 401 {
		t.Errorf("status %d for the slow one, want 401", status)
	}
}
