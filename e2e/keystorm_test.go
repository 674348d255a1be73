package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/keyledger"
	"github.com/chappe-im/chappe/internal/testserver"
)

const (
	keyRounds = 8
	// fewKeyRounds are for those in a hurry, and for the race detector.
	fewKeyRounds  = 3
	keyClaimers   = 8  // half of them at either server
	keyRequests   = 50 // of each claimer in a round
	keysPerUpload = 60
)

// A keyStorm is two servers with a device at either, which claim each other's keys, and
// their own, while one of the two is killed.
type keyStorm struct {
	t        *testing.T
	servers  []*testserver.Server
	owners   []*keyOwner
	ledger   *keyledger.Ledger
	requests atomic.Int64
}

// A keyOwner is a device whose keys are claimed.
type keyOwner struct {
	*testserver.Client
	mu      sync.Mutex
	pending map[string]any // keys of an upload without an answer; guarded by mu
	offered int            // guarded by mu
}

// Of the keys of two devices, claimed from both servers, each is given once and in the
// order of uploads, whichever server is killed. The rest of what a storm of keys can
// bring is tried in package sqlite, with many more of them.
func TestOneTimeKeysWhileServersAreKilled(t *testing.T) {
	rounds := keyRounds
	if raceDetector || testing.Short() {
		rounds = fewKeyRounds
	}
	random := seeded(t)
	s := newKeyStorm(t)
	ctx := within(t, 3*time.Minute)
	for round := range rounds {
		began := s.requests.Load()
		claiming := together(keyClaimers, func(i int) error {
			return s.claimAll(ctx, s.owners[i%2].Client, rand.New(rand.NewPCG(uint64(round), uint64(i))))
		})
		s.awaitRequests(ctx, began+random.Int64N(keyRequests*keyClaimers))
		victim := s.servers[random.IntN(len(s.servers))]
		victim.Kill()
		victim.Start()
		if err := claiming(); err != nil {
			t.Fatal(err)
		}
		s.check(ctx)
	}
	t.Logf("%d requests, %d keys given", s.requests.Load(), s.ledger.Given())
	s.drain(ctx)
}

func newKeyStorm(t *testing.T) *keyStorm {
	t.Helper()
	s := &keyStorm{t: t, servers: testserver.Federated(t, "alpha.test", "beta.test"), ledger: keyledger.New()}
	for _, server := range s.servers {
		s.owners = append(s.owners, &keyOwner{Client: server.Device("owner", "OWNER")})
	}
	return s
}

// awaitRequests returns once so many requests were begun.
func (s *keyStorm) awaitRequests(ctx context.Context, requests int64) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for s.requests.Load() < requests && ctx.Err() == nil {
		<-ticker.C
	}
}

// claimAll makes one claimer's requests of a round. None is repeated: a claim whose
// answer was lost may have taken its key.
func (s *keyStorm) claimAll(ctx context.Context, c *testserver.Client, random *rand.Rand) error {
	for range keyRequests {
		s.requests.Add(1)
		asked := s.owners[random.IntN(2):]
		short, answered := s.claim(ctx, c, asked)
		if random.IntN(keysPerUpload) == 0 {
			short = asked
		}
		for _, owner := range short {
			s.upload(ctx, owner, random)
		}
		if answered {
			continue
		}
		if err := s.awaitServers(ctx); err != nil {
			return err
		}
	}
	return nil
}

// claim asks for a key of each owner. It gives those who have none, and tells whether
// there was an answer for all.
func (s *keyStorm) claim(ctx context.Context, c *testserver.Client, of []*keyOwner) (short []*keyOwner, answered bool) {
	claims := make(map[string]map[string]string)
	for _, owner := range of {
		claims[owner.Device.User] = map[string]string{owner.Device.ID: "signed_curve25519"}
	}
	claim := s.ledger.Claim()
	var answer struct {
		Keys     map[string]map[string]map[string]json.RawMessage `json:"one_time_keys"`
		Failures map[string]json.RawMessage                       `json:"failures"`
	}
	err := post(ctx, c, "claim", map[string]any{"one_time_keys": claims}, &answer)
	answered = err == nil
	for _, owner := range of {
		user := owner.Device.User
		keys := answer.Keys[user][owner.Device.ID]
		for name := range keys {
			_, id, _ := strings.Cut(name, ":")
			number, err := strconv.Atoi(id)
			if err != nil || len(keys) != 1 {
				s.t.Errorf("%s is answered with %d keys, one is %q", user, len(keys), name)
			}
			claim.Got(user, number)
		}
		_, host, _ := strings.Cut(user, ":")
		switch {
		case err != nil || answer.Failures[host] != nil:
			claim.Unanswered(user)
			answered = false
		case len(keys) == 0:
			short = append(short, owner)
		}
	}
	return short, answered
}

// upload uploads new keys of an owner, and repeats some that it had before, unless
// another is at it.
func (s *keyStorm) upload(ctx context.Context, o *keyOwner, random *rand.Rand) {
	if !o.mu.TryLock() {
		return
	}
	defer o.mu.Unlock()
	if o.pending == nil {
		o.pending = make(map[string]any)
		add := func(number int) {
			// The server keeps the order of uploads, and by name the order in one.
			o.pending[fmt.Sprintf("signed_curve25519:%06d", number)] = map[string]any{
				"key": fmt.Sprint("key ", number), "signatures": map[string]any{o.Device.User: map[string]string{"ed25519:OWNER": "sig"}},
			}
		}
		for range min(o.offered, keysPerUpload/3) {
			add(1 + random.IntN(o.offered))
		}
		for _, number := range s.ledger.Offer(o.Device.User, keysPerUpload) {
			add(number)
			o.offered = number
		}
	}
	_ = s.finishUpload(ctx, o) // if its server is down, it is repeated later
}

// finishUpload belongs to whoever holds the owner's lock.
func (s *keyStorm) finishUpload(ctx context.Context, o *keyOwner) error {
	if o.pending == nil {
		return nil
	}
	err := post(ctx, o.Client, "upload", map[string]any{"one_time_keys": o.pending}, nil)
	if err == nil {
		s.ledger.Uploaded(o.Device.User)
		o.pending = nil
	}
	return err
}

// awaitServers returns once both servers answer.
func (s *keyStorm) awaitServers(ctx context.Context) error {
	for _, owner := range s.owners {
		err := testserver.Retry(ctx, atOnce, func(ctx context.Context) error {
			_, err := owner.Do(ctx, testserver.Request{Method: http.MethodGet, Path: "/_matrix/client/versions"})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// left gives how many keys the server counts.
func (s *keyStorm) left(ctx context.Context, o *keyOwner) int {
	s.t.Helper()
	var answer struct {
		Counts map[string]int `json:"one_time_key_counts"`
	}
	err := testserver.Retry(ctx, atOnce, func(ctx context.Context) error {
		return post(ctx, o.Client, "upload", struct{}{}, &answer)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.Counts["signed_curve25519"]
}

// check asks the ledger, while no client has a request in flight.
func (s *keyStorm) check(ctx context.Context) {
	s.t.Helper()
	for _, o := range s.owners {
		err := testserver.Retry(ctx, atOnce, func(ctx context.Context) error { return s.finishUpload(ctx, o) })
		if err != nil {
			s.t.Fatal(err)
		}
		s.ledger.Check(s.t, o.Device.User, s.left(ctx, o))
	}
}

// drain claims what is left, from the other server.
func (s *keyStorm) drain(ctx context.Context) {
	s.t.Helper()
	for i, o := range s.owners {
		other := s.owners[1-i].Client
		for range s.left(ctx, o) {
			if short, answered := s.claim(ctx, other, []*keyOwner{o}); !answered || len(short) > 0 {
				s.t.Fatal("a key is left, and none was given")
			}
		}
	}
	s.check(ctx)
}

// post makes a request to an endpoint under /keys, and reads the answer into a value
// unless that is nil.
func post(ctx context.Context, c *testserver.Client, endpoint string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := c.Do(ctx, testserver.Request{Method: http.MethodPost, Path: "/_matrix/client/v3/keys/" + endpoint, Body: text})
	if err == nil {
		err = answer.Err()
	}
	if err == nil && into != nil {
		err = json.Unmarshal(answer.Body, into)
	}
	return err
}
