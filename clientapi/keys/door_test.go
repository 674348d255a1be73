package keys_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/clientapi/keys"
	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/clientapi/uia"
	"github.com/chappe-im/chappe/internal/doortest"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const serverName = "chappe.test"

// A door is this package over a real store.
type door struct {
	t      *testing.T
	router *mux.Router
	store  *sqlite.Store
	// woken lists the inboxes that were woken.
	woken *wakeList
	// remote is all other servers.
	remote *otherServers
}

type wakeList struct {
	mu      sync.Mutex
	inboxes []todevice.InboxID // guarded by mu
}

func (w *wakeList) Wake(inboxes ...todevice.InboxID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inboxes = append(w.inboxes, inboxes...)
}

func newDoor(t *testing.T) *door {
	t.Helper()
	bare := doortest.New(t, sqlite.Options{})
	d := &door{t: t, store: bare.Store, router: bare.Router, woken: new(wakeList), remote: new(otherServers)}
	keys.New(keys.Config{ServerName: serverName, Password: password}, d.store, d.woken, d.remote, doortest.Log()).Routes(d.router)
	return d
}

// password is passed by who knows "the secret of " and the user.
func password(device todevice.Device) uia.Stage {
	return uia.Stage{Type: uia.StagePassword, Check: func(_ context.Context, auth uia.Auth) error {
		if auth.Password != passwords.DigestOf("the secret of "+device.User.Localpart) {
			return uia.Refusal("Wrong password")
		}
		return nil
	}}
}

// An answer is a response, its body read as an object.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (a answer) errcode() string { return a.text("errcode") }

// text gives a string of the body, "" where it is not there.
func (a answer) text(key string) string {
	value, _ := a.body[key].(string)
	return value
}

// do makes a request; no token is sent if it is empty.
func (d *door) do(method, path, token, body string) answer {
	d.t.Helper()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	recorder := httptest.NewRecorder()
	d.router.ServeHTTP(recorder, request)
	got := answer{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.String()}
	if err := json.Unmarshal([]byte(got.raw), &got.body); err != nil {
		d.t.Errorf("%s %.100s: the answer is not an object: %.200q", method, path, got.raw)
	}
	return got
}

// post makes a request to one of the endpoints under /keys.
func (d *door) post(c client, path, body string) answer {
	d.t.Helper()
	return d.do(http.MethodPost, "/_matrix/client/v3/keys/"+path, c.token, body)
}

// want fails the test unless the answer has this status and errcode, "" for none.
func (d *door) want(got answer, status int, errcode string) answer {
	d.t.Helper()
	if got.status != status || got.errcode() != errcode {
		d.t.Fatalf("got %d %.300s, want %d %q", got.status, got.raw, status, errcode)
	}
	return got
}

// wantJSON fails the test unless a member of an answer means the same as want.
func wantJSON(t *testing.T, got answer, member, want string) {
	t.Helper()
	var expected any
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	if has, wants := object(map[string]any{"": got.body[member]}), object(map[string]any{"": expected}); has != wants {
		t.Errorf("%s is %s, want %s", member, has, wants)
	}
}

func object(fields map[string]any) string {
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// A client is a logged-in device.
type client struct{ user, device, token string }

// register makes a user with a device.
func (d *door) register(name, device string) client {
	d.t.Helper()
	made, err := d.store.Register(d.t.Context(), todevice.Account{Localpart: name}, login(name, device))
	return d.client(made, err, name)
}

// login logs a user in on a device.
func (d *door) login(name, device string) client {
	d.t.Helper()
	made, err := d.store.Login(d.t.Context(), name, login(name, device))
	return d.client(made, err, name)
}

func login(name, device string) todevice.Login {
	return todevice.Login{DeviceID: device, Token: name + " on " + device}
}

func (d *door) client(made todevice.Device, err error, name string) client {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	return client{user: made.User.String(), device: made.ID, token: login(name, made.ID).Token}
}
