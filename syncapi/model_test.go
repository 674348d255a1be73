package syncapi_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

var histories = flag.Int("model.histories", 500, "try so many random histories")

// modelOps is how many operations a history has.
const modelOps = 30

// Whatever is done in whatever order, every sync answers as a model says that is a
// few maps: which messages, in which order, whose devices have changed, and how many
// keys are left; with the newest token, an older one, another device's, or none.
// -model.histories=10000 tries more.
func TestRandomHistoriesSyncAsTheModelSays(t *testing.T) {
	d := newDoor(t)
	defer d.close()
	// All share a database, so that each must be deaf to the others.
	var next sync.Mutex
	seed := 0
	var workers sync.WaitGroup
	for range 32 {
		workers.Go(func() {
			for !t.Failed() {
				next.Lock()
				seed++
				mine := seed
				next.Unlock()
				if mine > *histories {
					return
				}
				newModel(t, d, mine).run()
			}
		})
	}
	workers.Wait()
}

// A model is what one history should have led to. Its time is the number of the
// operation.
type model struct {
	t     *testing.T
	door  *door
	seed  int
	rand  *rand.Rand
	log   []string // what was done
	now   int
	users []*modelUser
	sent  int
}

type modelUser struct {
	name    string
	devices []*modelDevice // those that exist
	// interest holds whom the user must hear of.
	interest map[*modelUser]bool
	// changed is when the user's devices last changed for all; seen holds when another's
	// keys last changed for this user alone.
	changed int
	seen    map[*modelUser]int
	master  int // the number of the master key, 0 for none
}

type modelDevice struct {
	todevice.Device
	user     *modelUser
	name     string
	keys     int // the number of the device keys, 0 for none
	queue    []int
	oneTime  []int // numbers of unclaimed keys
	uploaded int
	fallback string // of "", "unused" and "used"
	tokens   []modelToken
}

// A modelToken says what a sync had told, once it had answered.
type modelToken struct {
	text string
	upTo int // the last message
	at   int
}

func newModel(t *testing.T, d *door, seed int) *model {
	m := &model{t: t, door: d, seed: seed, rand: rand.New(rand.NewPCG(uint64(seed), 1))}
	for i := range 3 {
		m.users = append(m.users, &modelUser{name: fmt.Sprintf("u%d.%d", seed, i),
			interest: map[*modelUser]bool{}, seen: map[*modelUser]int{}})
	}
	return m
}

func (m *model) run() {
	for _, u := range m.users {
		m.login(u)
	}
	for range modelOps {
		if m.t.Failed() {
			return
		}
		m.now++
		u := m.users[m.rand.IntN(len(m.users))]
		if len(u.devices) == 0 {
			m.login(u)
			continue
		}
		m.step(u, u.devices[m.rand.IntN(len(u.devices))])
	}
	for _, u := range m.users {
		for _, device := range u.devices {
			m.now++
			m.sync(device)
		}
	}
}

func (m *model) step(u *modelUser, device *modelDevice) {
	other := m.users[m.rand.IntN(len(m.users))]
	switch n := m.rand.IntN(100); {
	case n < 25:
		m.send(u, other)
	case n < 60:
		m.sync(device)
	case n < 68:
		m.uploadKeys(device)
	case n < 75:
		m.uploadOneTimeKeys(device)
	case n < 82:
		m.claim(u, other)
	case n < 86:
		m.rename(device)
	case n < 90:
		m.crossSign(u)
	case n < 93:
		m.vouch(u, other)
	case n < 96:
		m.login(u)
	default:
		m.delete(device)
	}
}

func (m *model) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("%d: ", m.now)+fmt.Sprintf(format, args...))
}

func (m *model) failf(format string, args ...any) {
	m.t.Errorf("seed %d: "+format+"\n%s", append(append([]any{m.seed}, args...), fmt.Sprint(m.log))...)
}

func (m *model) must(err error) {
	if err != nil {
		m.failf("%v", err)
	}
}

func (u *modelUser) id() todevice.UserID { return todevice.UserID{Localpart: u.name, Server: here} }

// login makes a device, of a name that may have been another's before.
func (m *model) login(u *modelUser) {
	id := fmt.Sprint("D", m.rand.IntN(3))
	m.note("login %s %s", u.name, id)
	if slices.ContainsFunc(u.devices, func(d *modelDevice) bool { return d.ID == id }) {
		return
	}
	_, err := m.door.store.EnsureDevice(context.Background(), u.name, id)
	m.must(err)
	device, err := m.door.store.Login(context.Background(), u.name, todevice.Login{DeviceID: id, Token: u.name + "/" + id})
	m.must(err)
	u.devices = append(u.devices, &modelDevice{Device: device, user: u})
	u.changed = m.now
}

func (m *model) delete(device *modelDevice) {
	m.note("delete %s %s", device.user.name, device.ID)
	m.must(m.door.store.DeleteDevice(context.Background(), device.Inbox))
	if a := m.door.sync(context.Background(), device.Device, "", 0); a.status != 401 {
		m.failf("the deleted device %s got %d", device.ID, a.status)
	}
	u := device.user
	u.devices = slices.DeleteFunc(u.devices, func(d *modelDevice) bool { return d == device })
	u.changed = m.now
}

func (m *model) send(from, to *modelUser) {
	id := todevice.AllDevices
	if m.rand.IntN(2) == 0 {
		id = fmt.Sprint("D", m.rand.IntN(3)) // which need not exist
	}
	m.sent++
	m.note("send %d %s to %s %s", m.sent, from.name, to.name, id)
	_, err := m.door.relay.Send(context.Background(), todevice.Batch{Sends: []todevice.Send{{
		Sender: from.id(), Type: "t",
		Messages: []todevice.Message{{To: to.id(), Device: id, Content: json.RawMessage(fmt.Sprint(`{"n":`, m.sent, `}`))}},
	}}})
	m.must(err)
	for _, device := range to.devices {
		if id == todevice.AllDevices || id == device.ID {
			device.queue = append(device.queue, m.sent)
		}
	}
	from.interest[to], to.interest[from] = true, true
}

func (m *model) uploadKeys(device *modelDevice) {
	if m.rand.IntN(2) == 0 || device.keys == 0 { // else the same again
		device.keys++
		device.user.changed = m.now
	}
	m.note("device keys %d of %s %s", device.keys, device.user.name, device.ID)
	_, err := m.door.store.UploadKeys(context.Background(), device.Inbox, deviceKeys(device.Device, device.keys))
	m.must(err)
}

const modelAlgorithm = todevice.SignedCurve25519

func (m *model) uploadOneTimeKeys(device *modelDevice) {
	var upload todevice.KeyUpload
	again := m.rand.IntN(min(device.uploaded, 2) + 1) // of those of before, claimed by now or not
	for n := device.uploaded - again + 1; n <= device.uploaded+3; n++ {
		upload.OneTimeKeys = append(upload.OneTimeKeys, todevice.OneTimeKey{Algorithm: modelAlgorithm, ID: fmt.Sprint(n), Key: json.RawMessage(fmt.Sprint(`{"key":"`, n, `"}`))})
	}
	for n := device.uploaded + 1; n <= device.uploaded+3; n++ {
		device.oneTime = append(device.oneTime, n)
	}
	device.uploaded += 3
	if m.rand.IntN(2) == 0 {
		upload.FallbackKeys = []todevice.OneTimeKey{{Algorithm: modelAlgorithm, ID: fmt.Sprint("F", m.now), Key: json.RawMessage(`{"fallback":true}`)}}
		device.fallback = "unused"
	}
	m.note("one-time keys to %d of %s %s", device.uploaded, device.user.name, device.ID)
	_, err := m.door.store.UploadKeys(context.Background(), device.Inbox, upload)
	m.must(err)
}

// claim claims a key of a device, and notes the interest, as a request of a client does.
func (m *model) claim(by, of *modelUser) {
	if len(of.devices) == 0 {
		return
	}
	device := of.devices[m.rand.IntN(len(of.devices))]
	m.note("%s claims of %s %s", by.name, of.name, device.ID)
	m.must(m.door.store.NoteInterest(context.Background(), by.name, []todevice.UserID{of.id()}))
	by.interest[of] = true
	claimed, err := m.door.store.ClaimKeys(context.Background(), []todevice.KeyClaim{{Localpart: of.name, DeviceID: device.ID, Algorithm: modelAlgorithm}})
	m.must(err)
	switch {
	case len(device.oneTime) > 0:
		if len(claimed) != 1 || claimed[0].ID != fmt.Sprint(device.oneTime[0]) {
			m.failf("claimed %+v, want key %d", claimed, device.oneTime[0])
		}
		device.oneTime = device.oneTime[1:]
	case device.fallback != "":
		if len(claimed) != 1 || claimed[0].ID[0] != 'F' {
			m.failf("claimed %+v, want the fallback key", claimed)
		}
		device.fallback = "used"
	case len(claimed) > 0:
		m.failf("claimed %+v, want none", claimed)
	}
}

func (m *model) rename(device *modelDevice) {
	name := fmt.Sprint("name", m.rand.IntN(2))
	m.note("rename %s %s to %s", device.user.name, device.ID, name)
	m.must(m.door.store.RenameDevice(context.Background(), device.user.name, device.ID, name))
	if name != device.name {
		device.name, device.user.changed = name, m.now
	}
}

func (u *modelUser) masterName() string { return fmt.Sprint(u.name, ".", u.master) }

func masterKey(u *modelUser) todevice.CrossSigningKeys {
	if u.master == 0 {
		return todevice.CrossSigningKeys{}
	}
	key := func(name string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"keys":{"ed25519:%s":"%s"}}`, name, name))
	}
	return todevice.CrossSigningKeys{Master: key(u.masterName()), UserSigning: key("user." + u.masterName())}
}

func (m *model) crossSign(u *modelUser) {
	m.note("cross-signing keys of %s", u.name)
	known := masterKey(u)
	u.master++
	m.must(m.door.store.SetCrossSigningKeys(context.Background(), u.id(), known, masterKey(u)))
	u.changed = m.now
}

// vouch signs another user's master key, which the signer's own devices alone can see.
func (m *model) vouch(signer, target *modelUser) {
	if target.master == 0 || signer.master == 0 || signer == target {
		return
	}
	m.note("%s signs the master key of %s", signer.name, target.name)
	late, err := m.door.store.AddSignatures(context.Background(), []todevice.Signature{{
		Signer: signer.id(), KeyID: "ed25519:user." + signer.masterName(), Target: target.id(), TargetKey: target.masterName(), Signature: fmt.Sprint(m.now),
		Object: masterKey(target).Master,
	}})
	if m.must(err); len(late) > 0 {
		m.failf("the signature was left out")
	}
	signer.seen[target] = m.now
}

// sync asks with some token, and compares the answer with the model.
func (m *model) sync(device *modelDevice) {
	since, from, ours := m.token(device)
	m.note("sync %s %s since %q", device.user.name, device.ID, since)
	if ours {
		device.queue = slices.DeleteFunc(device.queue, func(n int) bool { return n <= from.upTo })
	}
	a := m.door.sync(context.Background(), device.Device, since, 0)
	if a.status != 200 {
		m.failf("status %d %s", a.status, a.Errcode)
		return
	}
	if got := a.numbers(); !slices.Equal(got, device.queue) {
		m.failf("got messages %v, want %v", got, device.queue)
	}
	if since != "" {
		if changed, left := a.lists(m.t); !reflect.DeepEqual(changed, m.changed(device.user, from.at)) || len(left) > 0 {
			m.failf("changed %v, left %v, want %v", changed, left, m.changed(device.user, from.at))
		}
	}
	if got, want := string(a.raw["device_one_time_keys_count"]), fmt.Sprintf(`{"signed_curve25519":%d}`, len(device.oneTime)); got != want {
		m.failf("counts %s, want %s", got, want)
	}
	fallback := `[]`
	if device.fallback == "unused" {
		fallback = `["signed_curve25519"]`
	}
	if got := string(a.raw["device_unused_fallback_key_types"]); got != fallback {
		m.failf("fallback %s, want %s", got, fallback)
	}
	upTo := from.upTo
	if len(device.queue) > 0 {
		upTo = device.queue[len(device.queue)-1]
	}
	device.remember(modelToken{a.NextBatch, upTo, m.now})
}

// remember notes a token. If it tells the same of changes as an earlier one, as nothing
// had changed that concerned the device, it stands for the time of that: the device
// may care by now for somebody it did not care for then.
func (d *modelDevice) remember(t modelToken) {
	changes := t.text[strings.LastIndex(t.text, "."):]
	for _, old := range d.tokens {
		if strings.HasSuffix(old.text, changes) {
			t.at = old.at
			break
		}
	}
	d.tokens = append(d.tokens, t)
}

// token picks one, most of the time the newest of the device, and tells whether it is
// the device's own.
func (m *model) token(device *modelDevice) (since string, from modelToken, ours bool) {
	n := m.rand.IntN(10)
	if len(device.tokens) == 0 || n == 0 {
		return "", modelToken{}, false
	}
	if n == 1 { // of another device, or of an earlier one of this name
		for _, u := range m.users {
			for _, other := range u.devices {
				if other != device && len(other.tokens) > 0 {
					return other.tokens[len(other.tokens)-1].text, modelToken{at: -1}, false
				}
			}
		}
	}
	last := device.tokens[len(device.tokens)-1]
	if n < 4 {
		last = device.tokens[m.rand.IntN(len(device.tokens))]
	}
	return last.text, last, true
}

// changed lists whom a user must look at anew since a time.
func (m *model) changed(u *modelUser, since int) []string {
	list := []string{}
	for _, other := range m.users {
		if (other == u || u.interest[other]) && other.changed > since || u.seen[other] > max(since, 0) {
			list = append(list, other.id().String())
		}
	}
	slices.Sort(list)
	return list
}
