package webhooks

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

func TestEventsComeAtOnceAndInOrder(t *testing.T) {
	inBubble(t, []string{"a.test"}, func(r *rig) {
		r.record("abc")
		first := r.after(0, "a.test", "abc")
		r.record("d")
		for i, got := range append(first, r.after(0, "a.test", "d")...) {
			if got.Number != int64(i+1) || got.Type != todevice.RTMLogin || got.AppID != app || got.path != "/hook" {
				t.Errorf("request %d is %+v", i, got)
			}
		}
		if state := r.state(0); state != (todevice.RTMWebhookState{}) {
			t.Errorf("at the end: %+v", state)
		}
	})
}

func TestAWebhookThatFailsIsTriedAgainWithTheSameEvent(t *testing.T) {
	inBubble(t, []string{"a.test"}, func(r *rig) {
		failures := 3
		r.answer = func(w http.ResponseWriter, _ *http.Request) {
			if failures--; failures >= 0 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}
		r.record("ab")
		got := r.after(0, "a.test", "a")
		got = append(got, r.after(999*time.Millisecond, "a.test", "")...)
		got = append(got, r.after(time.Millisecond, "a.test", "a")...)
		got = append(got, r.after(2*time.Second, "a.test", "a")...)
		got = append(got, r.after(4*time.Second, "a.test", "ab")...)
		for _, again := range got[:4] {
			if again.ID != got[0].ID || string(again.body) != string(got[0].body) {
				t.Errorf("%s was repeated as %s", got[0].body, again.body)
			}
		}
		if got[4].ID == got[0].ID {
			t.Error("two events have one ID")
		}
		failures = 1
		r.record("c")
		r.after(0, "a.test", "c")
		r.after(time.Second, "a.test", "c") // the failures before the success are forgotten
	})
}

func TestTimesBetweenAttemptsGrowToABound(t *testing.T) {
	refused := &refusal{status: 503, retryAfter: time.Minute}
	for _, c := range []struct {
		failures int
		why      error
		chance   float64
		want     time.Duration
	}{
		{1, context.DeadlineExceeded, 0, time.Second}, {1, context.DeadlineExceeded, 1, 500 * time.Millisecond},
		{4, context.DeadlineExceeded, 0, 8 * time.Second}, {11, context.DeadlineExceeded, 0, 10 * time.Minute},
		{1 << 40, context.DeadlineExceeded, 1, 5 * time.Minute}, {1, refused, 0, time.Minute}, {9, refused, 0, 256 * time.Second},
		{1, &refusal{retryAfter: 1e6 * time.Hour}, 0, 10 * time.Minute},
	} {
		if got := backoff(c.failures, c.why, c.chance); got != c.want {
			t.Errorf("after %d failures, %v: %v, want %v", c.failures, c.why, got, c.want)
		}
	}
}

func TestAWebhookMayAskToBeLeftAlone(t *testing.T) {
	inBubble(t, []string{"a.test"}, func(r *rig) {
		r.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "40")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		r.record("a")
		r.after(0, "a.test", "a")
		r.after(39*time.Second, "a.test", "")
		r.after(time.Second, "a.test", "a")
	})
}

func TestAnEventThatIsGoneIsADeadLetterAtOnce(t *testing.T) {
	inBubble(t, []string{"a.test"}, func(r *rig) {
		answers := []int{http.StatusOK, http.StatusGone, http.StatusOK}
		r.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(answers[0])
			answers = answers[1:]
		}
		r.record("abc")
		r.after(0, "a.test", "abc")
		if state := r.state(0); state.Dead != 1 || state.Waiting != 0 {
			t.Errorf("state is %+v", state)
		}
	})
}

func TestAnEventThatIsNotTakenForADayIsADeadLetter(t *testing.T) {
	inBubble(t, []string{"a.test"}, func(r *rig) {
		var status atomic.Int64
		status.Store(http.StatusBadRequest)
		r.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }
		r.record("ab")
		time.Sleep(23 * time.Hour)
		r.record("c")
		for _, c := range []struct {
			after         time.Duration
			waiting, dead int
		}{{59 * time.Minute, 3, 0}, {2 * time.Minute, 1, 2}} {
			time.Sleep(c.after)
			if _, err := r.store.Sweep(context.Background(), time.Now()); err != nil {
				t.Fatal(err)
			}
			if state := r.state(0); state.Waiting != c.waiting || state.Dead != c.dead {
				t.Errorf("state is %+v, want %+v", state, c)
			}
		}
		r.take("a.test")
		status.Store(http.StatusNoContent)
		r.after(10*time.Minute, "a.test", "c")
		time.Sleep(30 * 24 * time.Hour)
		if _, err := r.store.Sweep(context.Background(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if state := r.state(0); state.Dead != 0 {
			t.Errorf("after a month: %+v", state)
		}
	})
}

func TestWhatWaitsAndTheBackOffOutliveTheProcess(t *testing.T) {
	inBubble(t, []string{"a.test"}, func(r *rig) {
		var status atomic.Int64
		status.Store(http.StatusInternalServerError)
		r.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }
		r.record("ab")
		r.after(time.Minute, "a.test", "aaaaaa") // at 0, 1, 3, 7, 15 and 31 s
		r.stop()
		status.Store(http.StatusOK)
		r.start()
		r.after(2*time.Second, "a.test", "")
		r.after(time.Second, "a.test", "ab") // at 63 s
	})
}

func TestAReceiverThatDoesNotAnswerCostsTheOthersNothing(t *testing.T) {
	inBubble(t, []string{"slow.test", "quick.test"}, func(r *rig) {
		r.answer = func(_ http.ResponseWriter, req *http.Request) {
			if req.Host == "slow.test" {
				<-req.Context().Done()
			}
		}
		r.record("abc")
		r.after(0, "quick.test", "abc")
		r.after(0, "slow.test", "a")
		r.after(timeout+time.Second, "slow.test", "a")
		r.record("d")
		r.after(0, "quick.test", "d")
	})
}

func TestAWebhookIsToldOnlyWhatItWants(t *testing.T) {
	inBubble(t, []string{"a.test"}, func(r *rig) {
		r.stop()
		r.hooks[0].Events = []todevice.RTMEventType{todevice.RTMJoin, todevice.RTMExpired}
		r.start()
		err := r.store.RecordRTMEvents(context.Background(),
			todevice.RTMEvent{App: app, Type: todevice.RTMLogin, User: "a"},
			todevice.RTMEvent{App: app, Type: todevice.RTMJoin, User: "b", Channel: "c"},
			todevice.RTMEvent{App: "another", Type: todevice.RTMJoin, User: "c", Channel: "c"},
			todevice.RTMEvent{App: app, Type: todevice.RTMExpired, User: "d", MessageID: "m", At: time.UnixMilli(5)})
		if err != nil {
			t.Fatal(err)
		}
		got := r.after(0, "a.test", "bd")
		want := `{"id":"` + got[1].ID + `","number":2,"app_id":"` + app + `","type":"message_expired","user_id":"d","message_id":"m","ms":5}`
		if got[0].ChannelID != "c" || string(got[1].body) != want {
			t.Errorf("got %s and %s, want %s", got[0].body, got[1].body, want)
		}
	})
}

func TestNothingSecretOfAWebhookIsLogged(t *testing.T) {
	inBubble(t, []string{"a.test"}, func(r *rig) {
		r.stop()
		r.hooks[0].URL += "/s3cr3t?k=s3cr3t"
		r.start()
		requests := 0
		r.answer = func(w http.ResponseWriter, _ *http.Request) {
			if requests++; requests > 1 {
				panic(http.ErrAbortHandler) // ends the connection
			}
			w.Header().Set("Location", "http://%zz s3cr3t")
			w.WriteHeader(http.StatusFound)
		}
		r.record("a")
		r.after(time.Second, "a.test", "aa")
		if log := r.log.String(); !strings.Contains(log, "HTTP 302") || !strings.Contains(log, "EOF") || strings.Contains(log, "s3cr3t") {
			t.Errorf("the log is\n%s", log)
		}
	})
}
