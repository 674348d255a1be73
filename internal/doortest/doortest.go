// Package doortest lets tests knock at the endpoints of one package: over a real
// store, without a socket.
package doortest

import (
	"encoding/json"
	"io"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/matrixspec"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// ServerName is the name of the server in these tests.
const ServerName = "chappe.test"

// A Door is the router of a package and the store behind it.
type Door struct {
	t      *testing.T
	Store  *sqlite.Store
	Router *mux.Router
}

// New opens a door without endpoints.
func New(t *testing.T, options sqlite.Options) *Door {
	t.Helper()
	options.ServerName = ServerName
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "chappe.db"), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Door{t: t, Store: store, Router: httpapi.NewRouter()}
}

// Log is where the errors of endpoints go: nowhere.
func Log() *logrus.Entry {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return logrus.NewEntry(log)
}

// Login gives a user's device, made if need be, and its access token.
func (d *Door) Login(localpart, deviceID string) (device todevice.Device, token string) {
	d.t.Helper()
	token = "token of " + localpart + " at " + deviceID
	login := todevice.Login{DeviceID: deviceID, Token: token}
	device, err := d.Store.Register(d.t.Context(), todevice.Account{Localpart: localpart}, login)
	if err != nil {
		device, err = d.Store.Login(d.t.Context(), localpart, login)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return device, token
}

// An Answer is a status, an errcode ("" for none) and the body.
type Answer struct {
	Status      int
	Errcode     string
	Error       string
	Body        string
	ContentType string
}

// Do makes a request. The path is that after /_matrix/client/v3/ unless it begins with
// a slash; no token is sent if it is empty.
func (d *Door) Do(method, path, token, body string) Answer {
	d.t.Helper()
	if !strings.HasPrefix(path, "/") {
		path = "/_matrix/client/v3/" + path
	}
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	recorder := httptest.NewRecorder()
	matrixspec.Checked(d.t, d.Router).ServeHTTP(recorder, request)
	answer := Answer{Status: recorder.Code, Body: recorder.Body.String(), ContentType: recorder.Header().Get("Content-Type")}
	if !json.Valid(recorder.Body.Bytes()) {
		d.t.Errorf("%s %.100s: the answer is not JSON: %.200q", method, path, answer.Body)
	}
	var said struct{ Errcode, Error string }
	if json.Unmarshal(recorder.Body.Bytes(), &said) == nil { // a list has no such members
		answer.Errcode, answer.Error = said.Errcode, said.Error
	}
	return answer
}

// Want is Do, and fails the test unless the answer has this status and errcode.
func (d *Door) Want(status int, errcode, method, path, token, body string) Answer {
	d.t.Helper()
	got := d.Do(method, path, token, body)
	if got.Status != status || got.Errcode != errcode {
		d.t.Fatalf("%s %.100s %.100s: got %d %.300s, want %d %q", method, path, body, got.Status, got.Body, status, errcode)
	}
	return got
}

// WantBody is Want for a success with exactly this body.
func (d *Door) WantBody(body, method, path, token, sent string) {
	d.t.Helper()
	if got := d.Want(200, "", method, path, token, sent); got.Body != body {
		d.t.Errorf("%s %.100s: got %s, want %s", method, path, got.Body, body)
	}
}
