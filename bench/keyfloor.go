package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A keyFloor is the least that can answer about keys and tell of changed devices: it
// parses the bodies, keeps what is in them in memory as it came, and puts answers
// together of these pieces. It checks no key, and believes everybody.
type keyFloor struct {
	mu    sync.Mutex
	users map[string]*keyring // by user ID; guarded by mu
}

// A keyring is what the floor knows of a user. It is guarded by the mu of keyFloor.
type keyring struct {
	devices map[string]*deviceRing
	// listed are the devices' keys as a query gives them: "id":{...}, with commas
	// between.
	listed              []byte
	master, selfSigning json.RawMessage
	watchers            map[*box]struct{} // of those who asked for the keys
}

// A deviceRing holds a device's one-time keys: "name":{...} each.
type deviceRing struct{ oneTimeKeys [][]byte }

func newKeyFloor() *keyFloor { return &keyFloor{users: make(map[string]*keyring)} }

// ring is called with mu held.
func (f *keyFloor) ring(userID string) *keyring {
	k, ok := f.users[userID]
	if !ok {
		k = &keyring{devices: make(map[string]*deviceRing), watchers: make(map[*box]struct{})}
		f.users[userID] = k
	}
	return k
}

func (f *keyFloor) upload(w http.ResponseWriter, r *http.Request) {
	var body struct {
		DeviceKeys   json.RawMessage            `json:"device_keys"`
		OneTimeKeys  map[string]json.RawMessage `json:"one_time_keys"`
		CrossSigning struct {
			Master      json.RawMessage `json:"master"`
			SelfSigning json.RawMessage `json:"self_signing"`
		} `json:"im.chappe.bench.cross_signing"`
	}
	var whose struct {
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"`
	}
	if !readBody(w, r, &body) || json.Unmarshal(body.DeviceKeys, &whose) != nil {
		return
	}
	f.mu.Lock()
	k := f.ring(whose.UserID)
	k.master, k.selfSigning = body.CrossSigning.Master, body.CrossSigning.SelfSigning
	device, known := k.devices[whose.DeviceID]
	if !known {
		device = new(deviceRing)
		k.devices[whose.DeviceID] = device
		k.listed = appendMember(k.listed, whose.DeviceID, body.DeviceKeys)
	}
	for name, key := range body.OneTimeKeys {
		device.oneTimeKeys = append(device.oneTimeKeys, appendMember(nil, name, key))
	}
	count := len(device.oneTimeKeys)
	f.mu.Unlock()
	answer := strconv.AppendInt([]byte(`{"one_time_key_counts":{"signed_curve25519":`), int64(count), 10)
	_, _ = w.Write(append(answer, `}}`...)) // who hung up needs no answer
}

// query gives all devices of the users, and remembers who is to hear of changes.
func (f *keyFloor) query(w http.ResponseWriter, r *http.Request, asking *box) {
	var body struct {
		DeviceKeys map[string][]string `json:"device_keys"`
	}
	if !readBody(w, r, &body) {
		return
	}
	var devices, master, selfSigning []byte
	f.mu.Lock()
	for user := range body.DeviceKeys {
		k := f.ring(user)
		k.watchers[asking] = struct{}{}
		devices = appendMember(devices, user, slices.Concat([]byte{'{'}, k.listed, []byte{'}'}))
		if k.master != nil {
			master = appendMember(master, user, k.master)
			selfSigning = appendMember(selfSigning, user, k.selfSigning)
		}
	}
	f.mu.Unlock()
	answer := slices.Concat([]byte(`{"device_keys":{`), devices, []byte(`},"master_keys":{`), master,
		[]byte(`},"self_signing_keys":{`), selfSigning, []byte(`},"failures":{}}`))
	_, _ = w.Write(answer) // who hung up needs no answer
}

// claim hands out a key of each device, of whatever algorithm, and forgets it.
func (f *keyFloor) claim(w http.ResponseWriter, r *http.Request) {
	var body struct {
		OneTimeKeys map[string]map[string]string `json:"one_time_keys"`
	}
	if !readBody(w, r, &body) {
		return
	}
	var users []byte
	f.mu.Lock()
	for user, claims := range body.OneTimeKeys {
		devices := []byte{'{'}
		for id := range claims {
			device := f.ring(user).devices[id]
			if device == nil || len(device.oneTimeKeys) == 0 {
				continue
			}
			if len(devices) > 1 {
				devices = append(devices, ',')
			}
			devices = slices.Concat(strconv.AppendQuote(devices, id), []byte(`:{`), device.oneTimeKeys[0], []byte{'}'})
			device.oneTimeKeys = device.oneTimeKeys[1:]
		}
		users = appendMember(users, user, append(devices, '}'))
	}
	f.mu.Unlock()
	_, _ = w.Write(slices.Concat([]byte(`{"one_time_keys":{`), users, []byte(`},"failures":{}}`))) // as above
}

// rename tells those who asked for the keys of a user that a device has changed.
func (f *keyFloor) rename(w http.ResponseWriter, r *http.Request, asking string) {
	var body struct {
		DisplayName string `json:"display_name"`
	}
	if !readBody(w, r, &body) {
		return
	}
	localpart, _, _ := strings.Cut(asking, "/")
	userID := person{localpart: localpart, server: aloneServer}.id()
	f.mu.Lock()
	for watcher := range f.ring(userID).watchers {
		watcher.change(userID)
	}
	f.mu.Unlock()
	_, _ = w.Write([]byte(`{}`)) // who hung up needs no answer
}

// readBody reads a body of JSON, or answers that it is none.
func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	if json.NewDecoder(r.Body).Decode(into) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return false
	}
	return true
}

// appendMember appends a member of an object, behind a comma if it is not the first.
func appendMember(out []byte, name string, value []byte) []byte {
	if len(out) > 0 {
		out = append(out, ',')
	}
	out = strconv.AppendQuote(out, name)
	out = append(out, ':')
	return append(out, value...)
}
