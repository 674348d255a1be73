package clientapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/clientapi/limits"
	"github.com/chappe-im/chappe/storage/sqlite"
)

// limited opens a door with limits, and gives how many requests were refused.
func limited(t *testing.T) (*door, func(e limits.Endpoint, reason string) float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	d := newDoor(t, func(c *clientapi.Config, _ *sqlite.Options) {
		c.SharedSecret = "the secret"
		c.Limits = limits.New(limits.Config{SendsPerSecond: 2, SendBurst: 4}, registry)
	})
	return d, func(e limits.Endpoint, reason string) float64 {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				labels := map[string]string{}
				for _, pair := range metric.GetLabel() {
					labels[pair.GetName()] = pair.GetValue()
				}
				if family.GetName() == "client_requests_limited_total" && labels["endpoint"] == string(e) && labels["reason"] == reason {
					return metric.GetCounter().GetValue()
				}
			}
		}
		return 0
	}
}

// wait checks that an answer is a 429 that tells how long to wait.
func (d *door) wait(got answer, wait time.Duration) {
	d.t.Helper()
	d.want(got, http.StatusTooManyRequests, "M_LIMIT_EXCEEDED")
	seconds := fmt.Sprint(int64((wait + time.Second - 1) / time.Second))
	if got.body["retry_after_ms"] != float64(wait.Milliseconds()) || got.header.Get("Retry-After") != seconds {
		d.t.Fatalf("got %s with Retry-After %q, want %v", got.raw, got.header.Get("Retry-After"), wait)
	}
}

func TestEachAddressHasItsOwnLimits(t *testing.T) {
	const v3 = "/_matrix/client/v3"
	for _, c := range []struct {
		endpoint     limits.Endpoint
		method, path string
		burst        int
		wait         time.Duration
	}{
		{limits.Login, "POST", v3 + "/login", 60, time.Second},
		{limits.Register, "POST", v3 + "/register", 20, 5 * time.Second},
		{limits.Register, "GET", "/_matrix/client/v1/register/m.login.registration_token/validity?token=a", 20, 5 * time.Second},
		{limits.Availability, "GET", v3 + "/register/available?username=a", 30, time.Second},
		{limits.SharedSecret, "GET", sharedSecretPath, 200, 100 * time.Millisecond},
		{limits.SharedSecret, "POST", sharedSecretPath, 200, 100 * time.Millisecond},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, refused := limited(t)
				ask := func(address string) answer { return d.doFrom(address, c.method, c.path, "", `{}`) }
				for n := range c.burst {
					// All of an IPv6 network is one's.
					if got := ask(fmt.Sprintf("[2001:db8::%x]:1", n)); got.status == http.StatusTooManyRequests {
						t.Fatalf("request %d: got %s", n+1, got.raw)
					}
				}
				d.wait(ask("[2001:db8::ffff:1]:1"), c.wait)
				if got := ask("192.0.2.9:1"); got.status == http.StatusTooManyRequests {
					t.Errorf("another address is refused: %s", got.raw)
				}
				time.Sleep(c.wait - 1)
				d.wait(ask("[2001:db8::1]:1"), time.Millisecond)
				time.Sleep(time.Nanosecond)
				if got := ask("[2001:db8::1]:1"); got.status == http.StatusTooManyRequests {
					t.Errorf("after the wait: %s", got.raw)
				}
				if n := refused(c.endpoint, "address"); n != 2 {
					t.Errorf("%v refusals counted, want 2", n)
				}
			})
		})
	}
}

func (d *door) guess(address, user, password string) answer {
	d.t.Helper()
	return d.doFrom(address, http.MethodPost, "/_matrix/client/v3/login", "", object(map[string]any{
		"type": "m.login.password", "user": user, "password": password, "device_id": "NEW",
	}))
}

func TestGuessingAPasswordIsSlowFromHoweverManyAddresses(t *testing.T) {
	for _, user := range []string{"alice", "nobody"} {
		t.Run(user, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, refused := limited(t)
				d.register("alice", "A1") // at 192.0.2.7
				for n := range 10 {
					d.want(d.guess(fmt.Sprintf("198.51.100.%d:1", n), user, "wrong"), http.StatusForbidden, "M_FORBIDDEN")
				}
				for n := range 10 {
					// However it is written, and be it right.
					d.wait(d.guess(fmt.Sprintf("198.51.100.%d:1", n), "@"+strings.ToUpper(user)+":chappe.test", "secret"), 10*time.Second)
				}
				if n := refused(limits.Login, "account"); n != 10 {
					t.Errorf("%v refusals counted, want 10", n)
				}
				time.Sleep(10 * time.Second)
				d.want(d.guess("198.51.100.1:1", user, "wrong"), http.StatusForbidden, "M_FORBIDDEN")
				d.wait(d.guess("198.51.100.1:1", user, "wrong"), 10*time.Second)
			})
		})
	}
}

func TestNobodyLocksTheOwnerOutWhereTheyAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := limited(t)
		d.register("alice", "A1") // at 192.0.2.7
		for range 10 {
			d.want(d.guess("198.51.100.1:1", "alice", "wrong"), http.StatusForbidden, "M_FORBIDDEN")
		}
		d.wait(d.guess("198.51.100.2:1", "alice", "secret"), 10*time.Second)
		d.want(d.guess("192.0.2.7:1", "alice", "secret"), http.StatusOK, "")
		for range 9 { // which does not make guessing there quick
			d.want(d.guess("192.0.2.7:1", "alice", "wrong"), http.StatusForbidden, "M_FORBIDDEN")
		}
		d.wait(d.guess("192.0.2.7:1", "alice", "wrong"), 2*time.Second)
	})
}

func TestRightPasswordsAreWorthLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := limited(t)
		d.register("alice", "A1")
		for range 46 {
			d.want(d.guess("192.0.2.7:1", "alice", "secret"), http.StatusOK, "")
		}
		d.wait(d.guess("192.0.2.7:1", "alice", "secret"), 2*time.Second)
	})
}

func TestOwnPasswordIsGuessedSlowlyToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, refused := limited(t)
		alice := d.register("alice", "A1")
		d.login("alice", "A2")
		try := func(password string) answer {
			return d.do(http.MethodDelete, "/_matrix/client/v3/devices/A2", alice.token, object(map[string]any{"auth": map[string]any{
				"type": "m.login.password", "identifier": map[string]any{"type": "m.id.user", "user": "alice"}, "password": password,
			}}))
		}
		for range 10 {
			if got := try("wrong"); got.status != http.StatusUnauthorized {
				t.Fatalf("got %d %s", got.status, got.raw)
			}
		}
		d.wait(try("secret"), 10*time.Second)
		if n := refused(limits.Password, "account"); n != 1 {
			t.Errorf("%v refusals counted, want 1", n)
		}
		d.want(d.get("devices/A2", alice.token), http.StatusOK, "")
		time.Sleep(10 * time.Second)
		d.want(try("secret"), http.StatusOK, "")
	})
}

func TestEachUserHasALimitOfSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, refused := limited(t)
		alice, bob := d.register("alice", "A1"), d.register("bob", "B1")
		second := d.login("alice", "A2")
		body := `{"messages":{"@bob:chappe.test":{"B1":{"body":"x"}}}}`
		for n := range 4 {
			d.want(d.send(alice, "m.test", fmt.Sprint(n), body), http.StatusOK, "")
		}
		d.wait(d.send(second, "m.test", "4", body), 500*time.Millisecond)
		d.want(d.send(bob, "m.test", "1", body), http.StatusOK, "")
		if n := refused(limits.SendToDevice, "user"); n != 1 {
			t.Errorf("%v refusals counted, want 1", n)
		}
		if got := d.contents(bob); len(got) != 5 {
			t.Errorf("bob has %q", got)
		}
		time.Sleep(500 * time.Millisecond)
		d.want(d.send(second, "m.test", "4", body), http.StatusOK, "")
		if got := d.contents(bob); len(got) != 6 {
			t.Errorf("bob has %q", got)
		}
	})
}
