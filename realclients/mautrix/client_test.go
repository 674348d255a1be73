package mautrix_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/cryptohelper"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/chappe-im/chappe/internal/testserver"
)

const (
	password = "a long password"
	// patience is for what takes well under a second on a machine that is not busy.
	patience = time.Minute
)

// messageType is not one of Matrix, so that mautrix keeps its hands off it.
var messageType = event.Type{Type: "im.chappe.test", Class: event.ToDeviceEventType}

// A client is a program that uses mautrix-go with its crypto helper, on one device.
type client struct {
	t      *testing.T
	device testserver.Device
	ledger *testserver.Ledger
	store  string // the file of its keys and of its place in /sync
	login  *mautrix.Client

	matrix *mautrix.Client
	crypto *cryptohelper.CryptoHelper // nil while it is closed
	hangUp context.CancelFunc         // nil while it does not sync
	synced chan error                 // how the syncing ended

	mu sync.Mutex
	// refused names every answer that is no success.
	refused []string // guarded by mu
	// ciphertexts holds what came so far. mautrix drops a message that comes again
	// with no more than a line in its log.
	ciphertexts map[string]bool // guarded by mu
}

// newClient registers a user with one device, whose keys it publishes. It does not
// sync yet.
func newClient(t *testing.T, server *testserver.Server, ledger *testserver.Ledger, localpart, deviceID string) *client {
	t.Helper()
	matrix, err := mautrix.NewClient(server.URL(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := matrix.RegisterDummy(within(t), &mautrix.ReqRegister[any]{
		Username: localpart, Password: password, DeviceID: id.DeviceID(deviceID),
	})
	if err != nil {
		t.Fatalf("register %s: %v", localpart, err)
	}
	matrix.UserID, matrix.DeviceID, matrix.AccessToken = answer.UserID, answer.DeviceID, answer.AccessToken
	c := &client{
		t: t, ledger: ledger, login: matrix,
		device:      testserver.Device{User: answer.UserID.String(), ID: answer.DeviceID.String()},
		store:       filepath.Join(t.TempDir(), "store.db"),
		ciphertexts: make(map[string]bool),
	}
	ledger.Join(c.device)
	c.open()
	t.Cleanup(c.close)
	return c
}

// open makes the client, again on the store it had.
func (c *client) open() {
	c.t.Helper()
	var err error
	c.matrix, err = mautrix.NewClient(c.login.HomeserverURL.String(), c.login.UserID, c.login.AccessToken)
	if err != nil {
		c.t.Fatal(err)
	}
	c.matrix.DeviceID = c.login.DeviceID
	c.matrix.Log = zerolog.New(c.t.Output()).Level(zerolog.WarnLevel).With().Stringer("user", c.login.UserID).Logger()
	c.matrix.DefaultHTTPRetries, c.matrix.DefaultHTTPBackoff = 12, 5*time.Millisecond
	c.matrix.ResponseHook = c.sawAnswer
	syncer := hastySyncer{mautrix.NewDefaultSyncer()}
	c.matrix.Syncer = syncer
	var encrypted []*event.Event
	syncer.OnSync(func(_ context.Context, response *mautrix.RespSync, _ string) bool {
		encrypted = takeEncrypted(response)
		return true
	})
	if c.crypto, err = cryptohelper.NewCryptoHelper(c.matrix, []byte("pickle"), c.store); err != nil {
		c.t.Fatalf("open the store of %s: %v", c.device, err)
	}
	if err := c.crypto.Init(within(c.t)); err != nil {
		c.t.Fatalf("start the crypto helper of %s: %v", c.device, err)
	}
	syncer.OnSync(func(ctx context.Context, _ *mautrix.RespSync, _ string) bool {
		c.use(ctx, encrypted)
		return true
	})
}

// start lets the client sync until it is closed.
func (c *client) start() {
	ctx, hangUp := context.WithCancel(context.Background())
	c.hangUp, c.synced = hangUp, make(chan error, 1)
	go func() { c.synced <- c.matrix.SyncWithContext(ctx) }()
}

// close ends the client as a program ends: its store stays.
func (c *client) close() {
	if c.hangUp != nil {
		c.hangUp()
		if err := <-c.synced; !errors.Is(err, context.Canceled) {
			c.t.Errorf("%s stopped syncing: %v", c.device, err)
		}
		c.hangUp = nil
	}
	if c.crypto == nil {
		return
	}
	c.machine().Destroy()
	if err := c.crypto.Close(); err != nil {
		c.t.Errorf("close the store of %s: %v", c.device, err)
	}
	c.crypto = nil
}

func (c *client) machine() *crypto.OlmMachine { return c.crypto.Machine() }

// sawAnswer is told of every request that was answered.
func (c *client) sawAnswer(q *http.Request, answer *http.Response, _ error, _ time.Duration) {
	if answer == nil || answer.StatusCode < 300 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = append(c.refused, q.Method+" "+q.URL.Path+" "+answer.Status)
}

// checkRefusals looks whether the client was refused anything but what it must be:
// the first attempt to replace cross-signing keys, which has no password yet.
func (c *client) checkRefusals() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	others := slices.DeleteFunc(slices.Clone(c.refused), func(answer string) bool {
		return strings.HasPrefix(answer, "POST /_matrix/client/v3/keys/device_signing/upload 401")
	})
	if len(others) > 0 {
		c.t.Errorf("%s was refused:\n%s", c.device, strings.Join(others, "\n"))
	}
}

// within gives a context for what should be long over when it ends.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// beside runs functions beside the test, and gives one that waits for them.
func beside(t *testing.T, functions ...func(context.Context) error) (wait func()) {
	ctx := within(t)
	ended := make(chan error, len(functions))
	for _, f := range functions {
		go func() { ended <- f(ctx) }()
	}
	return func() {
		t.Helper()
		for range functions {
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		}
	}
}
