package e2e_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/testserver"
	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
)

// planted is in every password, key and content of these tests.
const planted = "s3cr3t"

// certificate signs the tokens of RTM users.
const certificate = planted + "0123456789abcdef0123456789"

// talkative has servers log all they can, and count.
func talkative(format string) testserver.Option {
	return func(c *config.Config) {
		c.Log.Level, c.Log.Format = "debug", format
		c.Metrics.Listen = "127.0.0.1:0"
		c.RTM.Apps[0].Keys[0].Secret = planted
		c.RTM.Apps[0].Certificate = certificate
		c.Registration.SharedSecret = planted
	}
}

// A secretive knows what must not be in the logs.
type secretive struct {
	t       *testing.T
	secrets []string
}

// check looks for the secrets in what a server has logged and counted. The words must
// be in its log.
func (s *secretive) check(server *testserver.Server, words ...string) {
	s.t.Helper()
	log := server.Log()
	for _, word := range words {
		if !strings.Contains(log, word) {
			s.t.Errorf("%s has not logged %q:\n%s", server.Name(), word, log)
		}
	}
	for _, secret := range append(s.secrets, planted, seed(s.t, server)) {
		for _, text := range []string{log, metrics(s.t, server)} {
			if at := strings.Index(text, secret); at >= 0 {
				s.t.Errorf("%s tells %q: …%s", server.Name(), secret, text[max(at-300, 0):min(at+100, len(text))])
			}
		}
	}
}

// seed is that of the server's signing key, as its file has it.
func seed(t *testing.T, server *testserver.Server) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(server.DataDir(), "signing.key"))
	words := strings.Fields(string(text))
	if err != nil || len(words) != 3 {
		t.Fatalf("the signing key is %d words, %v", len(words), err)
	}
	return words[2]
}

// ask makes a request of any outcome, and remembers the tokens it gives.
func (s *secretive) ask(c *testserver.Client, method, path, body string) (given map[string]json.RawMessage) {
	s.t.Helper()
	q := testserver.Request{Method: method, Path: path}
	if body != "" {
		q.Body = []byte(body)
	}
	answer, err := c.Do(within(s.t, soon), q)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = json.Unmarshal(answer.Body, &given)
	for name, raw := range given {
		var text string
		if json.Unmarshal(raw, &text) == nil && (strings.HasSuffix(name, "token") || name == "session" || name == "nonce") {
			s.secrets = append(s.secrets, text)
		}
	}
	return given
}

// Two servers, one that logs text and one that logs JSON, and all that goes wrong
// between them and their clients.
func TestNoSecretIsInTheLogsOfAFederation(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	alpha, beta := servers[0], servers[1]
	alpha.Configure(talkative("text"))
	beta.Configure(talkative("json"))
	alpha.Restart()
	beta.Restart()
	s := &secretive{t: t}
	alice, bob := s.enter(alpha, "alice"), s.enter(beta, "bob")
	s.useKeys(alice, bob)
	s.useKeys(bob, alice)
	s.sendAllKinds(alice, bob)
	message := testserver.PeerMessage{Destination: "dave", Payload: planted, Offline: true}
	if _, err := alpha.RTM().SendPeer(within(t, soon), "carol", message, false); err != nil {
		t.Fatal(err)
	}
	s.sendByToken(alpha)
	s.sendByToken(beta)
	beta.Stop()
	s.sendAllKinds(alice, bob)
	beta.Start()
	awaitEmptyQueues(t, alpha)
	s.receive(bob)
	s.sendAllKinds(bob, alice)
	awaitEmptyQueues(t, beta)
	s.receive(alice)
	for _, c := range []*testserver.Client{alice, bob} {
		s.keep(c)
		s.authenticate(c)
		s.ask(c, "POST", "/_matrix/client/v3/user/"+c.Device.User+"/openid/request_token", `{}`)
		s.ask(c, "POST", "/_matrix/client/v3/logout", `{}`)
		s.ask(c, "GET", "/_matrix/client/v3/sync", "")
	}
	if len(s.secrets) < 4 {
		t.Errorf("only %d tokens were given", len(s.secrets))
	}
	s.check(alpha, "level=debug", "/_matrix/client/v3/login", "/_matrix/client/v3/sync", "transaction not delivered")
	s.check(beta, `"level":"debug"`, "/_matrix/federation/v1/send/", "/_matrix/federation/v1/user/keys/claim")
}

// enter registers, with all that may go wrong, and gives the client.
func (s *secretive) enter(server *testserver.Server, name string) *testserver.Client {
	s.t.Helper()
	password := planted + " of " + name
	anyone := server.Client()
	s.ask(anyone, "POST", "/_matrix/client/v3/register", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password))
	client, err := anyone.Register(within(s.t, soon), name, password, "PHONE")
	if err != nil {
		s.t.Fatal(err)
	}
	s.secrets = append(s.secrets, client.Token)
	for _, password := range []string{password, planted, ""} {
		login := fmt.Sprintf(`{"type":"m.login.password","identifier":{"type":"m.id.user","user":%q},"password":%q}`, name, password)
		s.ask(anyone, "POST", "/_matrix/client/v3/login", login)
		s.ask(anyone, "POST", "/_matrix/client/v3/login", login[:len(login)-1])
	}
	s.ask(anyone, "GET", "/_synapse/admin/v1/register", "")
	s.ask(anyone, "POST", "/_synapse/admin/v1/register", `{"nonce":"s3cr3t","username":"x","password":"s3cr3t","mac":"s3cr3t"}`)
	s.ask(anyone, "GET", "/_matrix/client/v3/sync?access_token="+planted, "")
	s.ask(anyone, "GET", "/_matrix/client/v3/sync?access_token="+client.Token, "")
	s.ask(client, "GET", "/_matrix/client/v3/sync?since="+planted+"&filter=%7B%22"+planted, "")
	return client
}

// useKeys uploads keys, also in conflict, and asks another for theirs.
func (s *secretive) useKeys(c, other *testserver.Client) {
	s.t.Helper()
	keys := strings.NewReplacer("USER", c.Device.User, "DEVICE", c.Device.ID).Replace(`{"device_keys":{"user_id":"USER","device_id":"DEVICE",` +
		`"algorithms":["m.olm"],"keys":{"ed25519:DEVICE":"s3cr3t"},"signatures":{"USER":{"ed25519:DEVICE":"s3cr3t"}}},` +
		`"one_time_keys":{"signed_curve25519:A":{"key":"s3cr3t A","signatures":{}}},"fallback_keys":{"signed_curve25519:F":{"key":"s3cr3t F","signatures":{}}}}`)
	s.ask(c, "POST", "/_matrix/client/v3/keys/upload", keys)
	s.ask(c, "POST", "/_matrix/client/v3/keys/upload", strings.Replace(keys, "s3cr3t A", "s3cr3t B", 1))
	s.ask(c, "POST", "/_matrix/client/v3/keys/upload", keys[:len(keys)-1])
	s.ask(c, "POST", "/_matrix/client/v3/keys/query", fmt.Sprintf(`{"device_keys":{%q:[]}}`, other.Device.User))
	s.ask(c, "POST", "/_matrix/client/v3/keys/claim", fmt.Sprintf(`{"one_time_keys":{%q:{%q:"signed_curve25519"}}}`, other.Device.User, other.Device.ID))
	s.ask(c, "PUT", "/_matrix/client/v3/profile/"+c.Device.User+"/displayname", `{"displayname":"s3cr3t"}`)
}

// keep has the server keep whatever it keeps for users.
func (s *secretive) keep(c *testserver.Client) {
	s.t.Helper()
	user := "/_matrix/client/v3/user/" + c.Device.User
	for _, q := range []struct{ method, path, body string }{
		{"POST", user + "/filter", `{"event_fields":["s3cr3t"],"room":{"rooms":"s3cr3t"}}`},
		{"POST", user + "/filter", `{"event_fields":["s3cr3t"]}`},
		{"PUT", user + "/account_data/m.test", `{"key":"s3cr3t"}`},
		{"PUT", user + "/account_data/m.test", `{"key":"s3cr3t"`},
		{"PUT", "/_matrix/client/v3/presence/" + c.Device.User + "/status", `{"presence":"online","status_msg":"s3cr3t"}`},
		{"POST", "/_matrix/client/v3/pushers/set", `{"app_id":"a","pushkey":"s3cr3t","kind":"http","app_display_name":"a",` +
			`"device_display_name":"d","lang":"en","data":{"url":"https://push.test/_matrix/push/v1/notify"}}`},
		{"PUT", "/_matrix/client/v3/pushrules/global/content/r", `{"pattern":"s3cr3t","actions":["notify"]}`},
		{"POST", "/_matrix/client/v3/room_keys/version", `{"algorithm":"a","auth_data":{"key":"s3cr3t"}}`},
		{"PUT", "/_matrix/client/v3/room_keys/keys?version=1", `{"rooms":{"!r":{"sessions":{"s":{"first_message_index":0,"forwarded_count":0,` +
			`"is_verified":true,"session_data":{"key":"s3cr3t"}}}}}}`},
		{"PUT", "/_matrix/client/v3/room_keys/keys?version=s3cr3t", `{"rooms":"s3cr3t"}`},
		{"GET", "/_matrix/client/v3/sync?filter=1", ""},
	} {
		s.ask(c, q.method, q.path, q.body)
	}
}

// authenticate does what asks for the password, with a wrong one and the right one.
func (s *secretive) authenticate(c *testserver.Client) {
	s.t.Helper()
	name, _, _ := strings.Cut(strings.TrimPrefix(c.Device.User, "@"), ":")
	login := fmt.Sprintf(`{"type":"m.login.password","user":%q,"password":"s3cr3t of %s","device_id":"SECOND","refresh_token":true}`, name, name)
	token := s.ask(c, "POST", "/_matrix/client/v3/login", login)["refresh_token"]
	if token = s.ask(c, "POST", "/_matrix/client/v3/refresh", fmt.Sprintf(`{"refresh_token":%s}`, token))["refresh_token"]; token == nil {
		s.t.Error("nothing was given for a refresh token")
	}
	s.ask(c, "POST", "/_matrix/client/v3/refresh", `{"refresh_token":"s3cr3t"}`)
	for _, password := range []string{"wrong s3cr3t", "s3cr3t of " + name} {
		auth := fmt.Sprintf(`"auth":{"type":"m.login.password","identifier":{"type":"m.id.user","user":%q},"password":%q}`, name, password)
		s.ask(c, "POST", "/_matrix/client/v3/delete_devices", `{"devices":["SECOND"],`+auth+`}`)
		s.ask(c, "DELETE", "/_matrix/client/v3/devices/SECOND", `{`+auth+`}`)
		s.ask(c, "POST", "/_matrix/client/v3/keys/device_signing/upload", `{"master_key":"s3cr3t",`+auth+`}`)
		s.ask(c, "POST", "/_matrix/client/v3/account/password", `{"new_password":"s3cr3t too",`+auth+`}`)
	}
	s.ask(c, "POST", "/_matrix/client/v3/delete_devices", `{"devices":["SECOND"]}`)
}

// sendAllKinds sends to devices here and there, and what is refused.
func (s *secretive) sendAllKinds(from, to *testserver.Client) {
	s.t.Helper()
	for _, content := range []string{`{"a":"s3cr3t"}`, `{"a":"s3cr3t","b":1.5}`, `"s3cr3t"`, `{"a":"s3cr3t`, `{"a":"` + strings.Repeat(planted, 20_000) + `"}`} {
		for _, user := range []string{to.Device.User, from.Device.User, "@nobody:beta.test", "nobody"} {
			body := fmt.Sprintf(`{"messages":{%q:{"*":%s}}}`, user, content)
			path := "/_matrix/client/v3/sendToDevice/im.chappe.test/" + rand.Text()
			s.ask(from, "PUT", path, body)
			s.ask(from, "PUT", path+"?access_token="+planted, body)
		}
	}
}

// sendByToken sends peer messages with RTM tokens: a good one, and ones that are refused.
func (s *secretive) sendByToken(server *testserver.Server) {
	s.t.Helper()
	app := rtmtoken.App{ID: "0123456789abcdef0123456789abcdef", Certificate: certificate}
	for _, format := range []rtmtoken.Format{rtmtoken.V006, rtmtoken.V007} {
		token, err := rtmtoken.Build(format, app, "carol", time.Now(), time.Hour)
		if err != nil {
			s.t.Fatal(err)
		}
		s.secrets = append(s.secrets, token)
		for uid, want := range map[string]int{"carol": http.StatusOK, "dave": http.StatusUnauthorized, planted: http.StatusUnauthorized} {
			answer, err := server.Client().Do(within(s.t, soon), testserver.Request{
				Method: "POST", Path: "/dev/v2/project/" + app.ID + "/rtm/users/carol/peer_messages",
				Header: http.Header{"X-Ar-Token": {token}, "X-Ar-Uid": {uid}},
				Body:   []byte(`{"destination":"dave","payload":"s3cr3t","enable_offline_messaging":true}`),
			})
			if err != nil || answer.Status != want {
				s.t.Errorf("carol's token with the uid %s: %v, %v", uid, answer, err)
			}
		}
	}
}

func (s *secretive) receive(c *testserver.Client) {
	s.t.Helper()
	got, err := c.Sync(within(s.t, soon), "", 0)
	if err != nil || !strings.Contains(string(got.RawEvents), planted) {
		s.t.Errorf("%s has not received anything: %v", c.Device, err)
	}
	if _, err := c.Sync(within(s.t, soon), got.NextBatch, 0); err != nil {
		s.t.Error(err)
	}
}

// A server that refuses a transaction may say all of it again.
func TestWhatAPeerEchoesIsNotLogged(t *testing.T) {
	p := newPeer(t, "echo.test", func(p *peer, w http.ResponseWriter, r *http.Request) ([]byte, bool) {
		body, err := io.ReadAll(r.Body)
		if err != nil || p.asked() > 3 {
			return body, err == nil
		}
		w.Header().Set("X-Echo", planted)
		w.WriteHeader([]int{http.StatusBadRequest, http.StatusForbidden, http.StatusTooManyRequests}[p.asked()-1])
		fmt.Fprintf(w, `{"errcode":"M_UNKNOWN","error":%q,"pdus":%s`, body, body) // and no end
		return nil, false
	})
	p.open()
	alpha := knowing(t, p)
	alpha.Configure(talkative("text"))
	alpha.Restart()
	alice := alpha.Device("alice", "PHONE")
	m := p.ledger.Sending(alice.Device, p.device())
	sendContent(t, alice, "1", p.device(), fmt.Sprintf(`{"stamp":%q,"secret":"s3cr3t"}`, m.Stamp()))
	p.ledger.Accepted(m)
	if err := p.ledger.AwaitNothingMissing(within(t, soon)); err != nil {
		t.Fatal(err)
	}
	awaitEmptyQueues(t, alpha)
	(&secretive{t: t, secrets: []string{alice.Token}}).check(alpha, "level=debug", "transaction not delivered")
}
