package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/config"
)

// counted fails the test unless each line is among the metrics.
func (r *running) counted(lines ...string) {
	r.t.Helper()
	clients := r.url
	r.url = "http://" + r.server.addr("metrics")
	_, answer := r.do("GET", "/metrics", "", "")
	r.url = clients
	for _, line := range lines {
		if text, _ := answer["text"].(string); !strings.Contains(text, line+"\n") {
			r.t.Errorf("%s is not in\n%s", line, text)
		}
	}
}

func withMetrics(cfg *config.Config) { cfg.Metrics.Listen = "127.0.0.1:0" }

func TestSyncIsNeverLimited(t *testing.T) {
	r := run(t, "", withMetrics, func(cfg *config.Config) {
		cfg.RateLimits.SendsPerSecond, cfg.RateLimits.SendBurst = 1, 2
	})
	alice := r.register("alice")
	send := func(n int) (int, map[string]any) {
		return r.do("PUT", fmt.Sprint("/_matrix/client/v3/sendToDevice/t/", n), alice, `{"messages":{"@alice:here.test":{"D":{}}}}`)
	}
	for n := 0; ; n++ {
		status, answer := send(n)
		if status == http.StatusTooManyRequests && answer["errcode"] == "M_LIMIT_EXCEEDED" && answer["retry_after_ms"] != nil {
			break
		}
		if status != 200 || n > 100 {
			t.Fatalf("send %d: %d %v", n, status, answer)
		}
	}
	// Much more often than anything else may be asked for.
	for n := range 3000 {
		if status, answer := r.do("GET", "/_matrix/client/v3/sync", alice, ""); status != 200 {
			t.Fatalf("sync %d: %d %v", n, status, answer)
		}
	}
	r.counted(`client_requests_limited_total{endpoint="send_to_device",reason="user"} 1`)
}

func TestClaimsAreLimited(t *testing.T) {
	r := run(t, "", withMetrics)
	alice := r.register("alice")
	var devices []string
	for n := range 6000 {
		devices = append(devices, fmt.Sprintf(`"%d":"signed_curve25519"`, n))
	}
	claim := func(devices string) int {
		status, _ := r.do("POST", "/_matrix/client/v3/keys/claim", alice, `{"one_time_keys":{"@alice:here.test":{`+devices+`}}}`)
		return status
	}
	if status := claim(strings.Join(devices, ",")); status != 200 {
		t.Errorf("status %d", status)
	}
	if status := claim(strings.Join(devices, ",")); status != 429 {
		t.Errorf("status %d, want 429", status)
	}
	r.counted(`client_requests_limited_total{endpoint="keys_claim",reason="user"} 1`)
}

func TestLimitsGoByTheClientsBehindATrustedProxy(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		t.Run(fmt.Sprint("trusted ", trusted), func(t *testing.T) {
			r := run(t, "", func(cfg *config.Config) {
				if trusted {
					cfg.Client.TrustedProxies = []string{"127.0.0.0/8"}
				}
			})
			ask := func(from string) int {
				request, err := http.NewRequest("GET", r.url+"/_matrix/client/v3/register/available?username=new", nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("X-Forwarded-For", from)
				answer, err := r.http.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				defer answer.Body.Close()
				return answer.StatusCode
			}
			statuses := map[int]int{}
			for n := range 60 {
				statuses[ask(fmt.Sprint("192.0.2.", n+1))]++
			}
			if trusted && statuses[200] != 60 || !trusted && statuses[429] == 0 {
				t.Errorf("clients got %v", statuses)
			}
		})
	}
}

func TestNothingIsLimitedWhereThatIsSwitchedOff(t *testing.T) {
	r := run(t, "", func(cfg *config.Config) { cfg.RateLimits.Enabled = false })
	for range 100 {
		if status, answer := r.do("POST", "/_matrix/client/v3/login", "", `{}`); status != 400 {
			t.Fatalf("got %d %v", status, answer)
		}
	}
}

func TestQuotaOfAnInboxRefusesBeforeItAccepts(t *testing.T) {
	for name, quotas := range map[string]config.Quotas{
		"messages": {InboxMessages: 2, InboxBytes: 1 << 20}, "bytes": {InboxMessages: 100, InboxBytes: 100},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, "", withMetrics, func(cfg *config.Config) { cfg.Quotas = quotas })
			alice, bob := r.register("alice"), r.register("bob")
			sent, path := 0, ""
			body := `{"messages":{"@bob:here.test":{"D":{"body":"` + strings.Repeat("a", 20) + `"}},"@alice:here.test":{"D":{"n":1}}}}`
			for {
				path = fmt.Sprint("/_matrix/client/v3/sendToDevice/t/", sent)
				status, answer := r.do("PUT", path, alice, body)
				if status == 429 && answer["errcode"] == "M_LIMIT_EXCEEDED" {
					break
				}
				if sent++; status != 200 || sent > 10 {
					t.Fatalf("send %d: %d %v", sent, status, answer)
				}
			}
			r.counted(`todevice_refused_total{reason="full_inbox"} 1`)
			// Neither the full inbox nor the other one has anything of it.
			if got := len(r.waiting(alice)); got != sent {
				t.Errorf("alice has %d messages, want %d", got, sent)
			}
			_, synced := r.do("GET", "/_matrix/client/v3/sync", bob, "")
			r.do("GET", "/_matrix/client/v3/sync?since="+synced["next_batch"].(string), bob, "")
			_, synced = r.do("GET", "/_matrix/client/v3/sync", alice, "")
			r.do("GET", "/_matrix/client/v3/sync?since="+synced["next_batch"].(string), alice, "")
			if status, answer := r.do("PUT", path, alice, body); status != 200 {
				t.Errorf("once there is room: %d %v", status, answer)
			}
			if got := len(r.waiting(bob)); got != 1 {
				t.Errorf("bob has %d messages, want 1", got)
			}
		})
	}
}
