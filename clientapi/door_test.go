package clientapi_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/mux"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/bcrypt"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/matrixspec"
	"github.com/chappe-im/chappe/relay"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const serverName = "chappe.test"

// A door is this package over a real store and a real relay.
type door struct {
	t      *testing.T
	router *mux.Router
	server *clientapi.Server
	store  *sqlite.Store
	// woken lists the inboxes that the door itself has woken.
	woken *wakeList
	// outbox lists the servers for which something was accepted.
	outbox *serverList
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

type serverList struct {
	mu      sync.Mutex
	servers []spec.ServerName // guarded by mu
}

func (*serverList) Admit(context.Context, []spec.ServerName) {}

func (s *serverList) Wake(servers []spec.ServerName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servers = append(s.servers, servers...)
}

// newDoor opens a door with open registration and what adjust changes of that.
func newDoor(t *testing.T, adjust ...func(*clientapi.Config, *sqlite.Options)) *door {
	t.Helper()
	config := clientapi.Config{ServerName: serverName, OpenRegistration: true, PasswordCost: bcrypt.MinCost}
	options := sqlite.Options{ServerName: serverName}
	for _, change := range adjust {
		change(&config, &options)
	}
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "chappe.db"), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &door{t: t, store: store, router: httpapi.NewRouter(), woken: new(wakeList), outbox: new(serverList), remote: new(otherServers)}
	sender := relay.New(store, serverName, todevice.ServerRules{}, relay.NewNotifier(), d.outbox, prometheus.NewRegistry())
	d.server = clientapi.New(config, store, sender, d.woken, d.remote, silent())
	d.server.Routes(d.router)
	return d
}

func silent() *logrus.Entry {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return logrus.NewEntry(log)
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
	return d.doFrom("192.0.2.7:4321", method, path, token, body)
}

// doFrom is do for a client elsewhere.
func (d *door) doFrom(address, method, path, token, body string) answer {
	d.t.Helper()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.RemoteAddr = address
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	recorder := httptest.NewRecorder()
	matrixspec.Checked(d.t, d.router).ServeHTTP(recorder, request)
	got := answer{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.String()}
	if err := json.Unmarshal([]byte(got.raw), &got.body); err != nil {
		d.t.Errorf("%s %.100s: the answer is not an object: %.200q", method, path, got.raw)
	}
	return got
}

func (d *door) post(path, body string) answer {
	d.t.Helper()
	return d.do(http.MethodPost, "/_matrix/client/v3/"+path, "", body)
}

func (d *door) get(path, token string) answer {
	d.t.Helper()
	return d.do(http.MethodGet, "/_matrix/client/v3/"+path, token, "")
}

// want fails the test unless the answer has this status and errcode, "" for none.
func (d *door) want(got answer, status int, errcode string) answer {
	d.t.Helper()
	if got.status != status || got.errcode() != errcode {
		d.t.Fatalf("got %d %.300s, want %d %q", got.status, got.raw, status, errcode)
	}
	return got
}

// A client is a logged-in device.
type client struct{ user, device, token string }

// register makes a user with a device and the password "secret".
func (d *door) register(name, device string) client {
	d.t.Helper()
	return d.client(d.post("register", object(map[string]any{
		"auth": map[string]any{"type": "m.login.dummy"}, "username": name, "password": "secret", "device_id": device,
	})))
}

// login logs the user in on a device.
func (d *door) login(name, device string) client {
	d.t.Helper()
	return d.client(d.post("login", object(map[string]any{
		"type": "m.login.password", "user": name, "password": "secret", "device_id": device,
	})))
}

func (d *door) client(got answer) client {
	d.t.Helper()
	d.want(got, http.StatusOK, "")
	return client{user: got.text("user_id"), device: got.text("device_id"), token: got.text("access_token")}
}

// inbox gives the queue of a device that is still logged in.
func (d *door) inbox(c client) todevice.InboxID {
	d.t.Helper()
	device, err := d.store.Session(d.t.Context(), c.token)
	if err != nil {
		d.t.Fatal(err)
	}
	return device.Inbox
}

// pending lists the events that wait for a device, confirming none.
func (d *door) pending(c client) []string {
	d.t.Helper()
	var list []string
	var after todevice.Position
	for more := true; more; {
		var events []todevice.Event
		var err error
		if events, more, err = d.store.Pending(d.t.Context(), d.inbox(c), after); err != nil {
			d.t.Fatal(err)
		}
		for _, event := range events {
			list = append(list, string(event.JSON))
			after = event.Position
		}
	}
	return list
}

// contents is pending reduced to the value of the key "body" of each content.
func (d *door) contents(c client) []string {
	d.t.Helper()
	list := []string{}
	for _, event := range d.pending(c) {
		var parsed struct {
			Content struct{ Body string }
		}
		if err := json.Unmarshal([]byte(event), &parsed); err != nil {
			d.t.Fatal(err)
		}
		list = append(list, parsed.Content.Body)
	}
	return list
}

func object(fields map[string]any) string {
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func keys(fields map[string]any) []string { return slices.Sorted(maps.Keys(fields)) }
