package rtmcompat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/relay"
	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const (
	serverName = "chappe.test"
	appID      = "0123456789abcdef0123456789abcdef"
	otherAppID = "fedcba9876543210fedcba9876543210"
	namespace  = "rtm_demo_"

	certificate      = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	otherCertificate = "1f1e2d3c4b5a69788796a5b4c3d2e1f0"
)

// testApps are two apps whose keys and certificates differ.
func testApps() []rtmcompat.App {
	return []rtmcompat.App{
		{ID: appID, Certificate: certificate, Namespace: namespace,
			Keys: []rtmcompat.Key{{Key: "key", Secret: "se:cret"}, {Key: "second", Secret: "s2"}}},
		{ID: otherAppID, Certificate: otherCertificate, Namespace: "", Keys: []rtmcompat.Key{{Key: "other", Secret: "other secret"}}},
	}
}

// A rig is the door on a real relay and a real database.
type rig struct {
	t        *testing.T
	store    *sqlite.Store
	notifier *relay.Notifier
	door     *rtmcompat.Server
	handler  http.Handler
	log      *bytes.Buffer
	hub      *channels.Hub
	server   *rtmcompat.Server
	sender   rtmcompat.Sender
	// described are the answers there may be.
	described described
}

// noServers stands for the queues to other servers, which are no part of this.
type noServers struct{}

func (noServers) Wake([]spec.ServerName) {}

func (noServers) Admit(context.Context, []spec.ServerName) {}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: testApps()}, nil)
}

// newRigWith makes a rig; a sender other than nil stands in for the relay.
func newRigWith(t *testing.T, o sqlite.Options, cfg rtmcompat.Config, sender rtmcompat.Sender) *rig {
	t.Helper()
	o.ServerName = serverName
	notifier := relay.NewNotifier()
	o.RTMEvents = notifier.WakeRTMEvents
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "chappe.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return newRigOver(t, store, notifier, cfg, sender)
}

// newRigOn makes a door anew on a database.
func newRigOn(t *testing.T, store *sqlite.Store) *rig {
	t.Helper()
	return newRigOver(t, store, relay.NewNotifier(), rtmcompat.Config{Apps: testApps()}, nil)
}

func newRigOver(t *testing.T, store *sqlite.Store, notifier *relay.Notifier, cfg rtmcompat.Config, sender rtmcompat.Sender) *rig {
	t.Helper()
	cfg.ServerName = serverName
	r := &rig{t: t, store: store, notifier: notifier, log: new(bytes.Buffer), described: readDescription(t)}
	if sender == nil {
		sender = relay.New(store, serverName, todevice.ServerRules{}, r.notifier, noServers{}, prometheus.NewRegistry())
	}
	r.sender = sender
	logger := logrus.New()
	logger.SetOutput(r.log)
	logger.SetLevel(logrus.DebugLevel)
	router := httpapi.NewRouter()
	r.hub = channels.New(channels.TellGuests(func(h channels.Happening) { r.server.TellGuests(h) }))
	r.server = rtmcompat.New(cfg, store, sender, r.notifier, r.hub, logrus.NewEntry(logger))
	r.door = r.server
	r.server.Routes(router)
	r.handler = router
	return r
}

// peerPath is the path to send from an uid.
func peerPath(uid string) string {
	return "/dev/v2/project/" + appID + "/rtm/users/" + url.PathEscape(uid) + "/peer_messages"
}

// request makes a good POST with a key of the app.
func request(target, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json;charset=utf-8")
	r.SetBasicAuth("key", "se:cret")
	return r
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string

	Result    string
	RequestID string `json:"request_id"`
	Code      string
	Message   string
}

// do serves a request and checks what holds for every answer.
func (r *rig) do(req *http.Request) answer {
	r.t.Helper()
	recorder, sent := httptest.NewRecorder(), new(bytes.Buffer)
	if req.Body != nil {
		req.Body = io.NopCloser(io.TeeReader(req.Body, sent))
	}
	r.handler.ServeHTTP(recorder, req)
	a := answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	if err := json.Unmarshal(recorder.Body.Bytes(), &a); err != nil {
		r.t.Fatalf("the answer %q is not JSON: %v", a.body, err)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		r.t.Errorf("Content-Type is %q", got)
	}
	if a.RequestID == "" || a.header.Get("X-Request-ID") != a.RequestID {
		r.t.Errorf("X-Request-ID is %q, request_id %q", a.header.Get("X-Request-ID"), a.RequestID)
	}
	if want := map[bool]string{true: "success", false: "failed"}[a.status == http.StatusOK]; a.Result != want {
		r.t.Errorf("result is %q with status %d", a.Result, a.status)
	}
	if (a.Message != "") != (a.status != http.StatusOK) {
		r.t.Errorf("message is %q with status %d", a.Message, a.status)
	}
	r.described.check(r.t, req.Method, req.URL.EscapedPath(), a)
	if a.status == http.StatusOK {
		r.described.checkTaken(r.t, req, sent.String())
	}
	return a
}

// want checks the status and the code of an answer.
func (a answer) want(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.Code != code {
		t.Errorf("answer is %d %s, want %d %q", a.status, a.body, status, code)
	}
}

// object writes a body, its values changed by pairs of a key and a value.
func object(pairs ...any) string {
	fields := map[string]any{"destination": "bob", "payload": "hello"}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i].(string)] = pairs[i+1]
	}
	body, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(body)
}

// send sends a message from alice and checks the answer's code.
func (r *rig) send(query, body, code string) answer {
	r.t.Helper()
	a := r.do(request(peerPath("alice")+query, body))
	a.want(r.t, http.StatusOK, code)
	return a
}

// device makes a user's device.
func (r *rig) device(localpart, id string) todevice.Device {
	r.t.Helper()
	device, err := r.store.EnsureDevice(r.t.Context(), localpart, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return device
}

// An event is what a device is given.
type event struct {
	position todevice.Position
	raw      string
	Sender   string
	Type     string
	Content  struct {
		AppID     string `json:"app_id"`
		From      string
		Payload   string
		MessageID string `json:"message_id"`
		ServerTS  int64  `json:"server_ts"`
	}
}

// pending gives what waits for a device.
func (r *rig) pending(device todevice.Device) []event {
	r.t.Helper()
	waiting, _, err := r.store.Pending(r.t.Context(), device.Inbox, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	var events []event
	for _, w := range waiting {
		e := event{position: w.Position, raw: string(w.JSON)}
		if err := json.Unmarshal(w.JSON, &e); err != nil {
			r.t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// wantPayloads checks the payloads that wait for a device.
func (r *rig) wantPayloads(device todevice.Device, want ...string) {
	r.t.Helper()
	events := r.pending(device)
	var got []string
	for _, e := range events {
		got = append(got, e.Content.Payload)
	}
	if len(got) != len(want) || strings.Join(got, "\n") != strings.Join(want, "\n") {
		r.t.Errorf("%s %s has %q waiting, want %q", device.User, device.ID, got, want)
	}
}
