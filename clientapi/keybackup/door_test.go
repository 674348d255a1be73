package keybackup_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/clientapi/keybackup"
	"github.com/chappe-im/chappe/internal/doortest"
	"github.com/chappe-im/chappe/internal/matrixspec"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// A door is this package over a real store, in which alice and bob have a device.
type door struct {
	t      *testing.T
	store  *sqlite.Store
	router *mux.Router
}

func newDoor(t *testing.T, options sqlite.Options) *door {
	t.Helper()
	bare := doortest.New(t, options)
	d := &door{t: t, store: bare.Store, router: bare.Router}
	for _, name := range []string{"alice", "bob"} {
		if _, err := d.store.Register(t.Context(), todevice.Account{Localpart: name}, todevice.Login{DeviceID: "D", Token: name}); err != nil {
			t.Fatal(err)
		}
	}
	keybackup.New(d.store, doortest.Log()).Routes(d.router)
	return d
}

// do makes a request of a user; the path is what follows room_keys/.
func (d *door) do(user, method, path, body string) *httptest.ResponseRecorder {
	return d.request(user, method, "/_matrix/client/v3/room_keys/"+path, body)
}

func (d *door) request(user, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if user != "" {
		r.Header.Set("Authorization", "Bearer "+user)
	}
	w := httptest.NewRecorder()
	matrixspec.Checked(d.t, d.router).ServeHTTP(w, r)
	return w
}

// want makes a request of alice, and fails the test unless the answer is this one, word
// for word.
func (d *door) want(method, path, body string, status int, answer string) {
	d.t.Helper()
	w := d.do("alice", method, path, body)
	if got := w.Body.String(); w.Code != status || got != answer {
		d.t.Fatalf("%s %s: got %d %.500s, want %d %.500s", method, path, w.Code, got, status, answer)
	}
}

// refuse makes a request of alice that must be refused.
func (d *door) refuse(method, path, body string, status int, errcode string) map[string]string {
	d.t.Helper()
	w := d.do("alice", method, path, body)
	var answer map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != status || answer["errcode"] != errcode || answer["error"] == "" {
		d.t.Fatalf("%s %.100s %.100s: got %d %.300s, want %d %s", method, path, body, w.Code, w.Body, status, errcode)
	}
	return answer
}

const (
	algorithm = "m.megolm_backup.v1.curve25519-aes-sha2"
	backup    = `{"algorithm":"` + algorithm + `","auth_data":{"public_key":"k"}}`
)

// create begins a backup, whose version must be this.
func (d *door) create(version string) {
	d.t.Helper()
	d.want(http.MethodPost, "version", backup, 200, `{"version":"`+version+`"}`)
}

// state checks count and etag of a backup.
func (d *door) state(version, count, etag string) {
	d.t.Helper()
	d.want(http.MethodGet, "version/"+version, "", 200, `{"algorithm":"`+algorithm+
		`","auth_data":{"public_key":"k"},"count":`+count+`,"etag":"`+etag+`","version":"`+version+`"}`)
}

// key writes a key whose session_data has this name.
func key(name string) string {
	return `{"first_message_index":1,"forwarded_count":2,"is_verified":false,"session_data":{"ciphertext":"` + name + `"}}`
}
