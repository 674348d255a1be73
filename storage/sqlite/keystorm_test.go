package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chappe-im/chappe/internal/crashdisk"
	"github.com/chappe-im/chappe/internal/keyledger"
	"github.com/chappe-im/chappe/todevice"
)

const (
	stormClaims = 100_000
	// fewStormClaims are for those in a hurry, and for the race detector.
	fewStormClaims = 10_000
	stormDevices   = 8
	stormClaimers  = 64
	stormCrashes   = 12
	stormUpload    = 50 // new keys in one upload
)

// A storm is a store that loses power again and again while many claim keys of a few
// devices, which upload new ones as they run out, and old ones with them.
type storm struct {
	t       *testing.T
	disk    *crashdisk.Disk
	path    string
	store   *Store
	ledger  *keyledger.Ledger
	devices []*stormDevice
	claims  atomic.Int64 // keys that were asked for
}

type stormDevice struct {
	todevice.Device
	mu      sync.Mutex
	pending []todevice.OneTimeKey // an upload without an answer; guarded by mu
	offered int                   // guarded by mu
}

func (d *stormDevice) name() string { return d.User.Localpart }

// Of 100,000 claims in a storm of claims, uploads and repeated uploads, with the power
// going every now and then, each key is given once, in the order of uploads, and those
// left are those not given. CHAPPE_SEED repeats the choices of a run.
func TestOneTimeKeysInAStorm(t *testing.T) {
	claims := int64(stormClaims)
	if raceDetector || testing.Short() {
		claims = fewStormClaims
	}
	seed := rand.Uint64()
	if text := os.Getenv("CHAPPE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("CHAPPE_SEED: %v", err)
		}
	}
	t.Logf("CHAPPE_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newStorm(t)
	for crash := range int64(stormCrashes) {
		// A claim is about two operations of the disk: the power goes anywhere in this part
		// of the storm.
		s.disk.PowerOffAt(1 + random.IntN(2*int(claims)/stormCrashes))
		s.rage(random.Uint64(), claims*(crash+1)/stormCrashes)
		s.reboot(random.Uint64() % 8)
		s.check()
	}
	s.rage(random.Uint64(), claims)
	s.check()
	s.drain()
	if given := s.ledger.Given(); int64(given) < claims*9/10 {
		t.Errorf("of %d claims only %d were answered with a key", claims, given)
	}
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	folder := t.TempDir()
	disk, err := crashdisk.New(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(disk.Close)
	s := &storm{t: t, disk: disk, path: filepath.Join(folder, "chappe.db"), ledger: keyledger.New()}
	t.Cleanup(func() { _ = s.store.Close() })
	s.open()
	for n := range stormDevices {
		s.devices = append(s.devices, &stormDevice{Device: register(t, s.store, fmt.Sprint("user", n), "D")})
	}
	return s
}

func (s *storm) open() {
	s.t.Helper()
	var err error
	if s.store, err = Open(s.path, Options{ServerName: here, Driver: crashdisk.Driver}); err != nil {
		s.t.Fatal(err)
	}
}

// reboot lets the power go, if it has not gone yet, and come back. What was not synced
// is lost in part.
func (s *storm) reboot(seed uint64) {
	s.t.Helper()
	s.disk.PowerOff()
	_ = s.store.Close() // fails, as the disk is off
	if _, err := s.disk.PowerOn(seed); err != nil {
		s.t.Fatal(err)
	}
	s.open()
}

// rage claims until so many keys were asked for in all, or the power goes.
func (s *storm) rage(seed uint64, until int64) {
	var done sync.WaitGroup
	for n := range stormClaimers {
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		done.Go(func() {
			for s.claims.Load() < until && !s.disk.State().Off {
				s.claimSome(random)
			}
		})
	}
	done.Wait()
}

// claimSome makes one request for keys of a few devices, at times for several of one.
func (s *storm) claimSome(random *rand.Rand) {
	asked := make([]todevice.KeyClaim, 1+random.IntN(4))
	for i := range asked {
		asked[i] = claimOf(s.devices[random.IntN(len(s.devices))].Device)
	}
	s.claims.Add(int64(len(asked)))
	claim := s.ledger.Claim()
	got, err := s.store.ClaimKeys(context.Background(), asked)
	if err != nil {
		s.failed("claim", err)
		for _, c := range asked {
			claim.Unanswered(c.Localpart)
		}
		return
	}
	short := len(got) < len(asked)
	for _, key := range got {
		number, err := strconv.Atoi(key.ID)
		if err != nil {
			s.t.Errorf("key %q", key.ID)
		}
		claim.Got(key.Localpart, number)
		short = short || key.Low
	}
	if short || random.IntN(stormUpload) == 0 {
		for _, c := range asked {
			s.upload(c.Localpart, random)
		}
	}
}

// upload uploads new keys for a device, and repeats some of those it had before, given
// out or not, with other signatures. One upload that had no answer is repeated first.
func (s *storm) upload(localpart string, random *rand.Rand) {
	for _, d := range s.devices {
		if d.name() != localpart || !d.mu.TryLock() {
			continue
		}
		if d.pending == nil {
			for range min(d.offered, stormUpload/2) {
				d.pending = append(d.pending, oneTime(fmt.Sprint(1+random.IntN(d.offered)), "made again"))
			}
			for _, number := range s.ledger.Offer(d.name(), stormUpload) {
				d.pending = append(d.pending, oneTime(fmt.Sprint(number), "sig"))
				d.offered = number
			}
		}
		s.finishUpload(d)
		d.mu.Unlock()
	}
}

// finishUpload belongs to whoever holds the device's lock.
func (s *storm) finishUpload(d *stormDevice) {
	if d.pending == nil {
		return
	}
	if _, err := s.store.UploadKeys(context.Background(), d.Inbox, todevice.KeyUpload{OneTimeKeys: d.pending}); err != nil {
		s.failed("upload", err)
		return
	}
	s.ledger.Uploaded(d.name())
	d.pending = nil
}

// failed fails the test if it was not for the power.
func (s *storm) failed(what string, err error) {
	if !s.disk.State().Off {
		s.t.Errorf("%s: %v", what, err)
	}
}

// check asks the ledger, while nothing is in flight.
func (s *storm) check() {
	s.t.Helper()
	for _, d := range s.devices {
		s.finishUpload(d)
		s.ledger.Check(s.t, d.name(), left(s.t, s.store, d.Device))
	}
}

// drain claims all that is left.
func (s *storm) drain() {
	s.t.Helper()
	for _, d := range s.devices {
		keys := left(s.t, s.store, d.Device)
		asked := make([]todevice.KeyClaim, keys+1)
		for i := range asked {
			asked[i] = claimOf(d.Device)
		}
		claim := s.ledger.Claim()
		got, err := s.store.ClaimKeys(context.Background(), asked)
		if err != nil || len(got) != keys {
			s.t.Errorf("%d keys were left, and %d given (%v)", keys, len(got), err)
		}
		for _, key := range got {
			number, _ := strconv.Atoi(key.ID)
			claim.Got(d.name(), number)
		}
		s.ledger.Check(s.t, d.name(), left(s.t, s.store, d.Device))
	}
}
