package rtmcompat

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestEveryCallHasItsRateAndNotOneMore(t *testing.T) {
	rates := Rates{PeerMessages: 500, ChannelMessages: 400, Events: 10, History: 100}
	for c, rate := range map[call]int{
		callPeerMessages: 500, callChannelMessages: 400, callUserEvents: 10, callChannelEvents: 10,
		callHistoryQuery: 100, callHistoryRead: 100, callHistoryCount: 100,
	} {
		t.Run(string(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry := prometheus.NewRegistry()
				l := NewLimits(registry)
				app := App{ID: "app", Rates: rates}
				// taken makes the call until it is refused, but not more often than this.
				taken := func(most int) (times int) {
					for times < most && l.take(app, c) == nil {
						times++
					}
					return times
				}
				if got := taken(rate + 1); got != rate {
					t.Fatalf("made %d times at once, want %d", got, rate)
				}
				var why *refusal
				if err := l.take(app, c); !errors.As(err, &why) || why.status != http.StatusTooManyRequests ||
					why.code != codeRateLimited || why.retryAfter != time.Second/time.Duration(rate) {
					t.Errorf("refused with %+v", why)
				}
				if got := limited(t, registry)[string(c)]; got != 2 {
					t.Errorf("%v refusals are counted, want 2", got)
				}
				if got := taken(1); got != 0 {
					t.Error("a refusal gave something back")
				}
				time.Sleep(time.Second/time.Duration(rate) - 1)
				if got := taken(1); got != 0 {
					t.Error("made too early")
				}
				time.Sleep(time.Nanosecond)
				if got := taken(2); got != 1 {
					t.Errorf("made %d times after the time for one", got)
				}
				time.Sleep(time.Hour)
				if got := taken(rate + 1); got != rate {
					t.Errorf("made %d times at once after a pause, want %d", got, rate)
				}
			})
		})
	}
}

func TestNeitherAppsNorCallsShareWhatTheyMayDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimits(prometheus.NewRegistry())
		// One rate for all, so that one limiter has them all.
		rates := Rates{PeerMessages: 1, ChannelMessages: 1, Events: 1, History: 1}
		for _, app := range []App{{ID: "a", Rates: rates}, {ID: "b", Rates: rates}} {
			for _, c := range []call{callPeerMessages, callChannelMessages, callUserEvents, callChannelEvents, callHistoryQuery, callHistoryRead, callHistoryCount} {
				if err := l.take(app, c); err != nil {
					t.Errorf("%s of %s: %v", c, app.ID, err)
				}
				if l.take(app, c) == nil {
					t.Errorf("%s of %s has no limit", c, app.ID)
				}
			}
		}
	})
}

func TestWithoutARateOrWithoutLimitsNothingIsRefused(t *testing.T) {
	for range 1000 {
		if err := NewLimits(prometheus.NewRegistry()).take(App{ID: "a"}, callPeerMessages); err != nil {
			t.Fatal(err)
		}
		if err := (*Limits)(nil).take(App{ID: "a", Rates: Rates{PeerMessages: 1}}, callPeerMessages); err != nil {
			t.Fatal(err)
		}
	}
}

// limited gives how many requests were refused, by endpoint.
func limited(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := make(map[string]float64)
	for _, family := range families {
		if family.GetName() == "rtm_requests_limited_total" {
			for _, metric := range family.GetMetric() {
				counted[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			}
		}
	}
	return counted
}
