package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

func TestPeerThatRefusesLongBodies(t *testing.T) {
	for _, limit := range []int64{1 << 20, 150_000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			var refused atomic.Int32
			beta := newPeer(t, "beta.test", func(p *peer, w http.ResponseWriter, r *http.Request) ([]byte, bool) {
				if r.ContentLength > limit {
					refused.Add(1)
					w.WriteHeader(http.StatusRequestEntityTooLarge) // the body is not read
					return nil, false
				}
				return polite(p, w, r)
			})
			server := knowing(t, beta)
			beta.send(t, server.Device("alice", "PHONE"), 60, 50_000)
			beta.open() // but for the first, all waits
			beta.settle(t, server)
			t.Logf("%d of %d transactions were refused", refused.Load(), beta.asked())
			if refused.Load() == 0 && limit < 1<<20 {
				t.Error("no transaction was refused")
			}
			if dead := metric(t, server, "federation_dead_letters_total"); dead != "0" {
				t.Errorf("%s dead letters", dead)
			}
		})
	}
}

func TestPeerThatAnswersWithoutReading(t *testing.T) {
	beta := newPeer(t, "beta.test", func(_ *peer, w http.ResponseWriter, _ *http.Request) ([]byte, bool) {
		_, _ = io.WriteString(w, `{"pdus":{}}`)
		return nil, false
	})
	gamma := newPeer(t, "gamma.test", polite)
	server := knowing(t, beta, gamma)
	alice := server.Device("alice", "PHONE")
	beta.send(t, alice, 60, 50_000)
	gamma.send(t, alice, 5, 0)
	beta.open()
	gamma.open()
	gamma.settle(t, server) // also what was sent to beta is gone
}

func TestPeerThatHangs(t *testing.T) {
	var hangUp sync.Once
	beta := newPeer(t, "beta.test", func(p *peer, w http.ResponseWriter, r *http.Request) ([]byte, bool) {
		hangUp.Do(func() { panic(http.ErrAbortHandler) })
		return polite(p, w, r)
	})
	gamma := newPeer(t, "gamma.test", polite)
	gamma.open()
	server := knowing(t, beta, gamma)
	alice := server.Device("alice", "PHONE")
	beta.send(t, alice, 1, 0)
	<-beta.hung
	beta.send(t, alice, 120, 100)
	gamma.send(t, alice, 5, 0)
	if err := gamma.ledger.AwaitNothingMissing(within(t, soon)); err != nil {
		t.Errorf("a peer that hangs delays another: %v", err)
	}
	if n := beta.asked(); n != 1 {
		t.Errorf("the peer that hangs got %d requests meanwhile", n)
	}
	beta.open()
	beta.settle(t, server)
	gamma.ledger.Check(t)
}

func TestPeerThatRefusesOneEDU(t *testing.T) {
	const poison = "no peer takes this"
	beta := newPeer(t, "beta.test", func(p *peer, w http.ResponseWriter, r *http.Request) ([]byte, bool) {
		body, ok := polite(p, w, r)
		if ok && strings.Contains(string(body), poison) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"errcode":"M_BAD_JSON","error":"no"}`)
			return nil, false
		}
		return body, ok
	})
	server := knowing(t, beta)
	alice := server.Device("alice", "PHONE")
	beta.send(t, alice, 38, 0)
	sendContent(t, alice, "poison", beta.device(), fmt.Sprintf(`{"x":%q}`, poison))
	beta.send(t, alice, 62, 0)
	beta.open()
	beta.settle(t, server)
	if dead := metric(t, server, "federation_dead_letters_total"); dead != "1" {
		t.Errorf("%s dead letters were counted, want 1", dead)
	}
	letters, err := openStore(t, server).DeadLetters(t.Context(), beta.name)
	if err != nil || letters.Count != 1 || letters.LastReason != "HTTP 400 M_BAD_JSON" {
		t.Errorf("the dead letters are %+v, %v", letters, err)
	}
	if strings.Contains(server.Log(), poison) {
		t.Error("the content is in the log")
	}
}

func TestUserWithManyDevicesGetsTransactionsOfBoundedSize(t *testing.T) {
	beta := newPeer(t, "beta.test", polite)
	beta.open()
	server := knowing(t, beta)
	alice := server.Device("alice", "PHONE")
	var to []testserver.Device
	for i := range 500 {
		to = append(to, testserver.Device{User: beta.device().User, ID: fmt.Sprintf("DEVICE%d", i)})
	}
	m := beta.ledger.Sending(alice.Device, to...)
	contents := make(map[string]any)
	for _, d := range to {
		contents[d.ID] = map[string]string{"stamp": m.Stamp(), "x": strings.Repeat("x", 10<<10)}
	}
	if err := alice.SendToDevice(within(t, atOnce), "im.chappe.test", "1", testserver.Messages{to[0].User: contents}); err != nil {
		t.Fatal(err)
	}
	beta.ledger.Accepted(m)
	beta.settle(t, server)
	var sizes []int
	beta.mu.Lock()
	defer beta.mu.Unlock()
	for _, body := range beta.bodies {
		sizes = append(sizes, len(body))
	}
	if longest := slices.Max(sizes); longest > 1<<20 || len(sizes) > 10 {
		t.Errorf("%d transactions, the longest of %d bytes", len(sizes), longest)
	}
}
