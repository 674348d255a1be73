package sessions

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// What a client has not acknowledged is given again as soon as it is back, and must have
// room on its connection.
func TestClientThatAcknowledgedNothingComesBackToAllInOrder(t *testing.T) {
	r := newRig(t)
	bob := r.loginWith("bob", "1", r.token("bob", time.Hour), true)
	bob.fetch()
	var bodies []string
	for n := range 400 {
		body := fmt.Sprint(n, strings.Repeat("x", 30_000))
		bodies = append(bodies, body)
		if n%2 == 0 {
			r.keep(body)
		} else { // is not stored
			r.rest("robot", "", map[string]any{"destination": "bob", "payload": body, "enable_offline_messaging": false})
		}
	}
	for given := 0; given < maxUnacknowledgedBytes; {
		given += len(bob.await("RecvMsgFromPeer").raw)
	}
	bob.wantNoMore("RecvMsgFromPeer")
	bob.cut()
	r.login("bob", "1").wantPeer(bodies...)
	r.awaitEmptyInbox("bob")
}

func TestTheEndDoesNotWaitLongForAClientThatReadsNothing(t *testing.T) {
	r := newRig(t)
	c := &client{r: r, uid: "bob", sid: "1"}
	answer := r.post("/arapi/v1?action=wrtm_gateway", map[string]any{"appid": appID, "uid": c.uid, "token": r.token(c.uid, time.Hour), "wss": false})
	conn, _, _, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(r.http.URL, "http")+"/")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c.conn = conn
	c.send("Login", map[string]any{"UserId": c.uid, "UserSId": c.sid, "AcsToken": r.token(c.uid, time.Hour), "SdkVer": "1.0.15", "SessionId": answer["sessionid"]})
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the answer has begun
		t.Fatal(err)
	}
	to := c.session().connection()
	for queued := 0; queued < maxQueued/2; { // with what the system has room for
		to.send(make([]byte, batch))
		to.mu.Lock()
		queued = to.queued
		to.mu.Unlock()
	}
	begin := time.Now()
	r.sessions.Close()
	if took := time.Since(begin); took > writeTimeout/2 {
		t.Errorf("it took %v", took)
	}
}
