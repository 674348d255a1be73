package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

// A guest is a Matrix user in a channel of the first server.
type guest struct {
	client  *testserver.Client
	service string // to whom it sends what is for channels
	since   string
	heard   []string // the payloads it was given, in order
	seen    int      // the notices of who came
}

func newGuest(c *testserver.Client, at *testserver.Server) *guest {
	return &guest{client: c, service: at.RTMUser("channels")}
}

// asks sends an event for a channel.
func (g *guest) asks(ctx context.Context, what, txnID string, content any) error {
	return g.client.SendToDeviceRetry(ctx, "im.chappe.rtm.channel."+what, txnID,
		testserver.Messages{g.service: {testserver.AllDevices: content}})
}

// hear syncs until so many messages were heard in all.
func (g *guest) hear(ctx context.Context, messages int) error {
	return g.listen(ctx, func() bool { return len(g.heard) >= messages })
}

// see syncs until it was told of so many who came.
func (g *guest) see(ctx context.Context, joins int) error {
	return g.listen(ctx, func() bool { return g.seen >= joins })
}

func (g *guest) listen(ctx context.Context, enough func() bool) error {
	for !enough() {
		response, err := g.client.SyncRetry(ctx, g.since, longPoll)
		if err != nil {
			return fmt.Errorf("%s after %d messages: %w", g.client.Device, len(g.heard), err)
		}
		g.since = response.NextBatch
		for _, event := range response.Events {
			var content struct{ Payload string }
			if err := json.Unmarshal(event.Content, &content); err != nil {
				return err
			}
			switch {
			case event.Sender != g.service:
				return fmt.Errorf("an event of %s", event.Sender)
			case event.Type == "im.chappe.rtm.channel_message":
				g.heard = append(g.heard, content.Payload)
			case event.Type == "im.chappe.rtm.channel.join":
				g.seen++
			}
		}
	}
	return nil
}

// Three guests, of whom one says nothing, and a program of the app talk while the
// server of the channel, or that of two guests, is killed. Whatever is accepted is heard
// by each of the others once, and by all in one order.
func TestChannelWithGuestsOfTwoServersSurvivesTheirEnds(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	alice := newGuest(servers[0].Device("alice", "A"), servers[0])
	bob := newGuest(servers[1].Device("bob", "B"), servers[0])
	carol := newGuest(servers[1].Device("carol", "C"), servers[0])
	ctx := within(t, 4*time.Minute)
	for i, g := range []*guest{alice, bob, carol} {
		if err := g.asks(ctx, "join", "join", map[string]string{"channel": "room"}); err != nil {
			t.Fatal(err)
		}
		if err := g.see(ctx, 1); err != nil {
			t.Fatalf("guest %d: %v", i, err)
		}
	}
	const each = 40
	accepted := make(chan struct{}, 3*each)
	var group sync.WaitGroup
	for _, g := range []*guest{alice, bob} {
		group.Go(func() {
			for i := range each {
				content := map[string]string{"channel": "room", "payload": fmt.Sprintf("%s %d", g.client.Device.ID, i)}
				if err := g.asks(ctx, "message", fmt.Sprint("m", i), content); err != nil {
					t.Error(err)
				}
				accepted <- struct{}{}
			}
		})
	}
	group.Go(func() {
		for i := range each {
			send := func(ctx context.Context) error {
				return servers[0].RTM().SendChannel(ctx, "bot", "room", fmt.Sprint("REST ", i), fmt.Sprint("k", i))
			}
			if err := testserver.Retry(ctx, 30*time.Second, send); err != nil {
				t.Error(err)
			}
			accepted <- struct{}{}
		}
	})
	random := seeded(t)
	for i := range 6 {
		for range 1 + random.IntN(20) {
			<-accepted
		}
		servers[i%2].Kill()
		servers[i%2].Start()
	}
	group.Wait()
	for g, want := range map[*guest]int{alice: 2 * each, bob: 2 * each, carol: 3 * each} {
		if err := g.hear(ctx, want); err != nil {
			t.Fatal(err)
		}
	}
	checkOneOrder(t, carol, alice, "A", each)
	checkOneOrder(t, carol, bob, "B", each)
}

// checkOneOrder checks that one guest has heard all messages of each sender, each once
// and in their order; and another, who sent as own, what it did not say itself, in the
// same order.
func checkOneOrder(t *testing.T, silent, other *guest, own string, each int) {
	t.Helper()
	next := make(map[string]int)
	var want []string
	for _, payload := range silent.heard {
		var sender string
		var number int
		if _, err := fmt.Sscanf(payload, "%s %d", &sender, &number); err != nil || number != next[sender] {
			t.Fatalf("%q came after %d of them", payload, next[sender])
		}
		next[sender]++
		if sender != own {
			want = append(want, payload)
		}
	}
	if len(next) != 3 || len(silent.heard) != 3*each {
		t.Errorf("heard are %v", next)
	}
	if !slices.Equal(other.heard, want) {
		t.Errorf("%s has another order:\n%q\nwant\n%q", other.client.Device, other.heard, want)
	}
}
