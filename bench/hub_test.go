package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hubServed is a hub, and something in front of it that may spoil what it does.
func hubServed(t *testing.T, spoil func(*hub, http.ResponseWriter, *http.Request)) *process {
	t.Helper()
	return serves(t, new(hub), spoil)
}

func serves(t *testing.T, h *hub, spoil func(*hub, http.ResponseWriter, *http.Request)) *process {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { spoil(h, w, r) }))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	if h.port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	return ownProcess(t, address)
}

func rtmBench() *bench {
	b := quiet()
	b.receivers, b.size = 3, 256
	return b
}

func TestTheHubBringsEveryPeerMessageOnceAndInOrder(t *testing.T) {
	for _, wait := range []bool{false, true} {
		c, err := rtmBench().newChatter(t.Context(), hubServed(t, (*hub).ServeHTTP), wait)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			for sender := range c.senders {
				if err := c.send(t.Context(), sender); err != nil {
					t.Error(err)
				}
			}
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
		if got := c.verdict(); !got.kept() || c.senders[0].sent != 5 {
			t.Errorf("the verdict is %v on %d messages of each sender, want 5", got, c.senders[0].sent)
		}
	}
}

// A generator that cannot fail a server proves nothing.
func TestAPeerMessageThatComesTwiceIsNoticed(t *testing.T) {
	p := hubServed(t, func(h *hub, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/peer_messages") {
			m, _ := h.members.Load("r0")
			m.(*member).push(pushed("RecvMsgFromPeer", "", "s0", 1, newPayloads(256).append(nil, message{from: 0, seq: 0})))
		}
		h.ServeHTTP(w, r)
	})
	c, err := rtmBench().newChatter(t.Context(), p, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.send(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if err := c.send(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
	if got := c.verdict(); got.Duplicated == 0 {
		t.Errorf("the verdict is %v", got)
	}
}

func TestARefusedPeerMessageEndsTheRun(t *testing.T) {
	c, err := rtmBench().newChatter(t.Context(), hubServed(t, func(h *hub, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/peer_messages") {
			answerSent(w, "message_offline", 1)
			return
		}
		h.ServeHTTP(w, r)
	}), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.send(t.Context(), 0); err == nil {
		t.Error("a message that was not delivered counts as delivered")
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}

func TestTheHubBringsAChannelMessageToAllOthers(t *testing.T) {
	const members = 20
	c := gathered(t, hubServed(t, (*hub).ServeHTTP), members)
	for publisher := range rtmPublishers {
		for range 3 {
			want := members
			if publisher >= rtmPublishers/2 {
				want-- // it does not get its own
			}
			if got, err := c.publish(t.Context(), publisher); err != nil || got != want {
				t.Errorf("publisher %d: %d members got it (%v), want %d", publisher, got, err, want)
			}
		}
	}
	if got, err := c.close(); err != nil || !got.kept() {
		t.Errorf("the verdict is %v (%v)", got, err)
	}
}

func TestAChannelThatServesAMemberTwiceIsFoundOut(t *testing.T) {
	c := gathered(t, hubServed(t, func(h *hub, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/channel_messages") {
			h.mu.Lock()
			h.joined = append(h.joined, h.joined...)
			h.mu.Unlock()
		}
		h.ServeHTTP(w, r)
	}), 20)
	if _, err := c.publish(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if got, err := c.close(); err != nil || got.Duplicated == 0 {
		t.Errorf("the verdict is %v (%v)", got, err)
	}
}

func TestASessionThatIsClosedEndsTheRun(t *testing.T) {
	h := new(hub)
	c := gathered(t, serves(t, h, (*hub).ServeHTTP), 10)
	h.mu.Lock()
	h.joined[5].push(framed(appendFrame(nil, "ForceOffline", "{}")))
	h.mu.Unlock()
	select {
	case <-c.working.Done():
	case <-time.After(10 * time.Second):
		t.Error("the swarm lives on with a session less")
	}
	if _, err := c.close(); err == nil || !strings.Contains(err.Error(), "ForceOffline") {
		t.Errorf("the swarm ended with %v", err)
	}
}

// gathered are members that have joined.
func gathered(t *testing.T, p *process, members int) *crowd {
	t.Helper()
	c, err := rtmBench().gather(t.Context(), p, members)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.swarm.join(c.working); err != nil {
		t.Fatal(err)
	}
	return c
}
