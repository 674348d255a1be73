package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/internal/faultdb"
	"github.com/chappe-im/chappe/todevice"
)

// oneTime makes a one-time key. Its value goes by its ID, its signature does not.
func oneTime(id, signature string) todevice.OneTimeKey {
	return todevice.OneTimeKey{
		Algorithm: todevice.SignedCurve25519,
		ID:        id,
		Key:       fmt.Appendf(nil, `{"key":"key-%s","signatures":{"@u:%s":{"ed25519:D":%q}}}`, id, here, signature),
	}
}

func oneTimes(ids ...string) (keys []todevice.OneTimeKey) {
	for _, id := range ids {
		keys = append(keys, oneTime(id, "sig"))
	}
	return keys
}

func upload(t testing.TB, s *Store, d todevice.Device, u todevice.KeyUpload) todevice.KeyCounts {
	t.Helper()
	counts, err := s.UploadKeys(context.Background(), d.Inbox, u)
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

// claim claims one key of a device and gives its ID, "" where there is none.
func claim(t testing.TB, s *Store, d todevice.Device) string {
	t.Helper()
	keys, err := s.ClaimKeys(context.Background(), []todevice.KeyClaim{claimOf(d)})
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) == 0 {
		return ""
	}
	return keys[0].ID
}

func claimOf(d todevice.Device) todevice.KeyClaim {
	return todevice.KeyClaim{Localpart: d.User.Localpart, DeviceID: d.ID, Algorithm: todevice.SignedCurve25519}
}

func left(t testing.TB, s *Store, d todevice.Device) int {
	t.Helper()
	counts, err := s.KeyCounts(context.Background(), d.Inbox)
	if err != nil {
		t.Fatal(err)
	}
	if n := rows(t, s, `one_time_keys WHERE inbox = `+itoa(d.Inbox)); n != counts.OneTimeKeys[todevice.SignedCurve25519] {
		t.Errorf("%d keys are there, and counted are %v", n, counts.OneTimeKeys)
	}
	return counts.OneTimeKeys[todevice.SignedCurve25519]
}

func TestNoKeyIsGivenOutTwice(t *testing.T) {
	const keys, claimers = 1000, 64
	s := newStore(t)
	d := register(t, s, "alice", "A")
	var ids []string
	for n := range keys {
		ids = append(ids, strconv.Itoa(n))
	}
	for part := range slices.Chunk(ids, 100) {
		upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes(part...)})
	}
	claimed := make([][]int, claimers)
	var done sync.WaitGroup
	for i := range claimers {
		done.Go(func() {
			for {
				got, err := s.ClaimKeys(context.Background(), []todevice.KeyClaim{claimOf(d)})
				if err != nil {
					t.Error(err)
				}
				if len(got) == 0 {
					return
				}
				n, _ := strconv.Atoi(got[0].ID)
				claimed[i] = append(claimed[i], n)
			}
		})
	}
	done.Wait()
	for i, own := range claimed {
		if !slices.IsSorted(own) {
			t.Errorf("claimer %d got %v: not in the order of upload", i, own)
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(claimed...)))
	if len(all) != keys || len(slices.Compact(all)) != keys {
		t.Errorf("of %d keys %d were given out, %d different", keys, len(all), len(slices.Compact(all)))
	}
}

func TestKeysGoOutInTheOrderOfUploads(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "alice", "A")
	upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes("Z")})
	upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes("M")})
	upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes("A")})
	if got := []string{claim(t, s, d), claim(t, s, d), claim(t, s, d), claim(t, s, d)}; !slices.Equal(got, []string{"Z", "M", "A", ""}) {
		t.Errorf("got %q", got)
	}
}

func TestOverlappingUploadsCountEachKeyOnce(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "alice", "A")
	upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes("A", "B", "C")})
	again := todevice.KeyUpload{OneTimeKeys: []todevice.OneTimeKey{oneTime("B", "made again"), oneTime("C", "sig"), oneTime("D", "sig")}}
	counts := upload(t, s, d, again)
	if counts.OneTimeKeys[todevice.SignedCurve25519] != 4 || left(t, s, d) != 4 {
		t.Errorf("got %v, want 4", counts.OneTimeKeys)
	}
}

func TestConflictingKeyStoresNothingOfTheUpload(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "alice", "A")
	upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes("A", "B")})
	head := s.Head()
	other := oneTime("B", "sig")
	other.Key = json.RawMessage(`{"key":"other"}`)
	_, err := s.UploadKeys(context.Background(), d.Inbox, todevice.KeyUpload{
		DeviceKeys:   identity("alice", "A", "k"),
		OneTimeKeys:  []todevice.OneTimeKey{oneTime("C", "sig"), other},
		FallbackKeys: oneTimes("F"),
	})
	var conflict *todevice.KeyConflictError
	if !errors.As(err, &conflict) || conflict.Name != "signed_curve25519:B" ||
		string(conflict.New) != `{"key":"other"}` || string(conflict.Old) != string(oneTime("B", "sig").Key) {
		t.Fatalf("got %v", err)
	}
	if left(t, s, d) != 2 || rows(t, s, "device_keys") != 0 || rows(t, s, "fallback_keys") != 0 || s.Head() != head {
		t.Error("something of the refused upload was kept")
	}
}

func TestConflictingKeyFailsAlone(t *testing.T) {
	s, driver := newFaultyStore(t)
	d := register(t, s, "alice", "A")
	upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes("A")})
	other := oneTime("A", "sig")
	other.Key = json.RawMessage(`{"key":"other"}`)
	uploads := [][]todevice.OneTimeKey{oneTimes("B"), {other}, oneTimes("C")}
	before, release := driver.Commits(), hold(s)
	errs := make([]error, len(uploads))
	var done sync.WaitGroup
	for i, keys := range uploads {
		done.Go(func() {
			_, errs[i] = s.UploadKeys(context.Background(), d.Inbox, todevice.KeyUpload{OneTimeKeys: keys})
		})
	}
	for len(s.writes) < len(uploads) {
		runtime.Gosched() // until each of them waits
	}
	release()
	done.Wait()
	if errs[0] != nil || errs[1] == nil || errs[2] != nil || left(t, s, d) != 3 {
		t.Errorf("got %v, %d keys", errs, left(t, s, d))
	}
	if commits := driver.Commits() - before; commits != 2 {
		t.Errorf("%d commits: a refusal split the group", commits)
	}
}

func TestBareStringIsAKey(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "alice", "A")
	bare := func(value string) todevice.KeyUpload {
		return todevice.KeyUpload{OneTimeKeys: []todevice.OneTimeKey{{Algorithm: "curve25519", ID: "A", Key: json.RawMessage(value)}}}
	}
	upload(t, s, d, bare(`"one"`))
	if counts := upload(t, s, d, bare(`"one"`)); counts.OneTimeKeys["curve25519"] != 1 || counts.OneTimeKeys["signed_curve25519"] != 0 {
		t.Errorf("got %v", counts.OneTimeKeys)
	}
	var conflict *todevice.KeyConflictError
	if _, err := s.UploadKeys(context.Background(), d.Inbox, bare(`"two"`)); !errors.As(err, &conflict) {
		t.Errorf("got %v", err)
	}
}

func TestClaimedKeyIsNotClaimableAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	d := register(t, s, "alice", "A")
	upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes("A", "B")})
	if id := claim(t, s, d); id != "A" {
		t.Fatalf("claimed %q", id)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	// A client whose upload was not answered repeats it, with new signatures perhaps.
	upload(t, s, d, todevice.KeyUpload{OneTimeKeys: []todevice.OneTimeKey{oneTime("A", "made again"), oneTime("B", "sig")}})
	if got := []string{claim(t, s, d), claim(t, s, d)}; !slices.Equal(got, []string{"B", ""}) {
		t.Errorf("got %q", got)
	}
}

func TestFallbackKeyIsGivenWhenNothingIsLeft(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "alice", "A")
	unused := func() []string {
		counts, err := s.KeyCounts(context.Background(), d.Inbox)
		if err != nil {
			t.Fatal(err)
		}
		return counts.UnusedFallbackKeys
	}
	upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes("A"), FallbackKeys: oneTimes("F")})
	if got := claim(t, s, d); got != "A" || len(unused()) != 1 {
		t.Errorf("claimed %q, unused are %v", got, unused())
	}
	for range 2 {
		if got := claim(t, s, d); got != "F" || len(unused()) != 0 {
			t.Errorf("claimed %q, unused are %v", got, unused())
		}
	}
	if upload(t, s, d, todevice.KeyUpload{FallbackKeys: oneTimes("F")}); len(unused()) != 0 {
		t.Error("a used key is unused when it is uploaded again")
	}
	if upload(t, s, d, todevice.KeyUpload{FallbackKeys: oneTimes("G")}); len(unused()) != 1 || claim(t, s, d) != "G" {
		t.Error("the new fallback key did not replace the old one")
	}
}

func TestClaimOfWhatIsNotThereGivesNothing(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "alice", "A")
	upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes("A")})
	claims := []todevice.KeyClaim{
		{Localpart: "nobody", DeviceID: "A", Algorithm: todevice.SignedCurve25519},
		{Localpart: "alice", DeviceID: "B", Algorithm: todevice.SignedCurve25519},
		{Localpart: "alice", DeviceID: "A", Algorithm: "unknown"},
		claimOf(d), claimOf(d),
	}
	got, err := s.ClaimKeys(context.Background(), claims)
	if err != nil || len(got) != 1 || got[0].KeyClaim != claimOf(d) || got[0].Name() != "signed_curve25519:A" || got[0].Inbox != d.Inbox {
		t.Errorf("got %v %v", got, err)
	}
}

func TestManyClaimsAreAnsweredInOne(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "alice", "A")
	var claims []todevice.KeyClaim
	for n := range 2*claimsPerWrite + 1 {
		upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes(strconv.Itoa(n))})
		claims = append(claims, claimOf(d))
	}
	got, err := s.ClaimKeys(context.Background(), claims)
	if err != nil || len(got) != len(claims) || got[len(got)-1].ID != strconv.Itoa(len(claims)-1) || left(t, s, d) != 0 {
		t.Errorf("%d keys of %d were given, %d are left (%v)", len(got), len(claims), left(t, s, d), err)
	}
}

func TestDeviceIsToldOnceThatKeysRunLow(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "alice", "A")
	upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes("A", "B", "C", "D"), FallbackKeys: oneTimes("F")})
	var low []string
	for range 6 {
		got, err := s.ClaimKeys(context.Background(), []todevice.KeyClaim{claimOf(d)})
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		if got[0].Low {
			low = append(low, got[0].ID)
		}
	}
	if !slices.Equal(low, []string{"C", "F"}) {
		t.Errorf("low at %q, want at C, when 1 of 4 is left, and at the first F", low)
	}
}

// A fault at any write leaves all of an upload or nothing, and a claimed key is
// gone or was not given out.
func TestFaultLeavesAllOrNothingOfKeys(t *testing.T) {
	s, driver := newFaultyStore(t)
	d := register(t, s, "alice", "A")
	tables := []string{"device_keys", "one_time_keys", "fallback_keys", "device_changes"}
	state := func() string {
		var text string
		for _, table := range tables {
			text += fmt.Sprint(rows(t, s, table), " ")
		}
		return text + fmt.Sprint(s.headStored(t), left(t, s, d))
	}
	u := todevice.KeyUpload{DeviceKeys: identity("alice", "A", "k"), OneTimeKeys: oneTimes("A", "B"), FallbackKeys: oneTimes("F")}
	before, failed := state(), 0
	for fault := 1; ; fault++ {
		driver.FailAt(fault)
		_, err := s.UploadKeys(context.Background(), d.Inbox, u)
		if err == nil {
			break
		}
		failed++
		if !errors.Is(err, faultdb.ErrFault) || state() != before {
			t.Errorf("fault at write %d: %v, state %q, want %q", fault, err, state(), before)
		}
	}
	if driver.FailAt(0); failed < 7 || left(t, s, d) != 2 {
		t.Errorf("%d writes could fail, %d keys are there", failed, left(t, s, d))
	}
	given := map[string]int{}
	for fault := 1; left(t, s, d) > 0; fault++ {
		driver.FailAt(fault)
		got, err := s.ClaimKeys(context.Background(), []todevice.KeyClaim{claimOf(d)})
		switch {
		case err == nil:
			given[got[0].ID]++
		case left(t, s, d)+len(given) != 2:
			t.Errorf("fault at write %d: %d left, given out %v", fault, left(t, s, d), given)
		}
	}
	driver.FailAt(0)
	if !maps.Equal(given, map[string]int{"A": 1, "B": 1}) {
		t.Errorf("given out: %v", given)
	}
}

// headStored is the head as the file has it.
func (s *Store) headStored(t testing.TB) (head int64) {
	t.Helper()
	if err := s.readers.QueryRow(`SELECT head FROM this`).Scan(&head); err != nil {
		t.Fatal(err)
	}
	return head
}
