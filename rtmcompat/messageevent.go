package rtmcompat

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/chappe-im/chappe/todevice"
)

// messageEnd is how todevice.EventJSON ends a peer message.
const messageEnd = `,"type":"` + PeerMessageType + `"}`

// MessageEvent tells whether a stored event (see todevice.Event) is a peer message that a
// user of one of the apps has sent here. Of that it gives app, message ID and receiver: by
// uid, or by Matrix ID who is no user of the app.
func (s *Server) MessageEvent(to todevice.UserID, event []byte) (e todevice.RTMEvent, ok bool) {
	if !bytes.HasSuffix(event, []byte(messageEnd)) {
		return e, false
	}
	var message struct {
		Sender  string `json:"sender"`
		Content struct {
			AppID     string `json:"app_id"`
			MessageID string `json:"message_id"`
		} `json:"content"`
	}
	if json.Unmarshal(event, &message) != nil {
		return e, false
	}
	// Anyone can send a content that looks like an app's.
	apps := s.directory.Load().apps
	app, known := apps[message.Content.AppID]
	sender, err := todevice.ParseUserID(message.Sender)
	if !known || err != nil || sender.Server != s.name {
		return e, false
	}
	if _, ofApp := apps.uidOf(app, sender.Localpart); !ofApp {
		return e, false
	}
	return todevice.RTMEvent{App: app.ID, User: s.UID(app, to), MessageID: message.Content.MessageID}, true
}

// uidOf gives the uid of an app's user, and false for a local user who is none of it.
func (a apps) uidOf(app App, localpart string) (uid string, ok bool) {
	escaped, ok := strings.CutPrefix(localpart, app.Namespace)
	if !ok || a.belongsToAnother(app, localpart) {
		return "", false
	}
	uid, ok = unescape(escaped)
	return uid, ok && !looksLikeMatrixID(uid)
}

// looksLikeMatrixID tells whether an uid would be taken for a user of Matrix, as whom its
// owner could pose. Messages cannot be sent to it either.
func looksLikeMatrixID(uid string) bool {
	_, full := matrixID(uid)
	return full
}
