package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// pair is a sender and its receiver at a server that answers with a handler.
func pair(t *testing.T, handler http.Handler) (*sender, *receiver) {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	p := &process{address: strings.TrimPrefix(server.URL, "http://")}
	b := &bench{options: options{size: 256}}
	l := b.newLoad(people("s", 1, aloneServer), people("r", 1, aloneServer), p, p, 0)
	t.Cleanup(l.disconnect)
	return l.senders[0], l.receivers[0]
}

func TestTheFloorHandsOutWhatItTookOnceAndInOrder(t *testing.T) {
	s, r := pair(t, newFloor())
	syncs(t, r, 0)
	for _, count := range []int{1, 3, 0, 2} {
		sends(t, s, count)
		syncs(t, r, count)
	}
	if got := verdictOn(s, r); !got.kept() {
		t.Errorf("the verdict is: %v", got)
	}
}

func TestTheFloorWakesAWaitingSync(t *testing.T) {
	s, r := pair(t, newFloor())
	syncs(t, r, 0) // for a token, with which the next one waits
	done := make(chan error)
	go func() {
		_, err := r.sync(t.Context(), time.Hour)
		done <- err
	}()
	sends(t, s, 1)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := verdictOn(s, r); !got.kept() {
		t.Errorf("the verdict is: %v", got)
	}
}

// A generator that cannot fail a server proves nothing.
func TestABadServerIsFoundOut(t *testing.T) {
	for name, test := range map[string]struct {
		takes int // how often each PUT is taken
		want  verdict
	}{
		"one that forgets":         {0, verdict{Lost: 3}},
		"one that repeats":         {2, verdict{Duplicated: 3}},
		"one that repeats thrice":  {3, verdict{Duplicated: 6}},
		"one that does its duties": {1, verdict{}},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := pair(t, takes(newFloor(), test.takes))
			sends(t, s, 3)
			syncs(t, r, 3*test.takes)
			if got := verdictOn(s, r); got != test.want {
				t.Errorf("the verdict is %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestARefusalStopsTheSender(t *testing.T) {
	s, _ := pair(t, http.NotFoundHandler())
	if err := s.run(t.Context(), nil); err == nil || s.accepted != 0 {
		t.Errorf("%d messages count as accepted (%v), want none and an error", s.accepted, err)
	}
}

// takes gives each PUT to the floor so many times.
func takes(f *floor, times int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			f.ServeHTTP(w, r)
			return
		}
		body := new(strings.Builder)
		if err := r.Write(body); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, content, _ := strings.Cut(body.String(), "\r\n\r\n")
		for range times {
			again := httptest.NewRequest(http.MethodPut, r.URL.Path, strings.NewReader(content))
			f.ServeHTTP(httptest.NewRecorder(), again)
		}
	})
}

func sends(t *testing.T, s *sender, count int) {
	t.Helper()
	for range count {
		if err := s.send(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func syncs(t *testing.T, r *receiver, want int) {
	t.Helper()
	if got, err := r.sync(t.Context(), 0); err != nil || got != want {
		t.Fatalf("the sync brought %d messages (%v), want %d", got, err, want)
	}
}

func verdictOn(s *sender, r *receiver) verdict {
	return r.ledger.close(func(int) int64 { return s.accepted })
}
