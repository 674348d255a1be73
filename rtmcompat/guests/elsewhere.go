package guests

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/todevice"
)

// Elsewhere reads the name of a channel of another server, #room:other.example. ok is
// false for a name that is not of that form, or has this server's name.
func Elsewhere(name string, here spec.ServerName) (channel string, server spec.ServerName, ok bool) {
	rest, ok := strings.CutPrefix(name, "#")
	if !ok {
		return "", "", false
	}
	channel, after, ok := strings.Cut(rest, ":")
	server = spec.ServerName(after)
	return channel, server, ok && channel != "" && server != here && todevice.ValidServerName(server)
}

// Asking writes what a user here wants of a channel elsewhere: one of Join, Leave and Say.
func Asking(appID string, from, service todevice.UserID, eventType, channel, payload string) (todevice.Batch, error) {
	fields := map[string]any{"app_id": appID, "channel": channel}
	if eventType == Say {
		fields["payload"] = payload
	}
	content, err := json.Marshal(fields)
	if err == nil {
		content, err = canonicaljson.Encode(content)
	}
	if err != nil {
		return todevice.Batch{}, fmt.Errorf("write an event for a channel: %w", err)
	}
	return todevice.Batch{Sends: []todevice.Send{{
		Sender: from, Type: eventType,
		Messages: []todevice.Message{{To: service, Device: todevice.AllDevices, Content: content}},
	}}}, nil
}

// Heard is what a service user tells a guest of its channel.
type Heard struct {
	Service todevice.UserID // who tells
	Type    string          // one of Message, Joined and Left
	AppID   string
	Channel string
	Sender  todevice.UserID // whom it is of
	Payload string          // of a message
	// Number is what clients of RTM are to call the message: the same for the same.
	Number  int64
	Members int // of the other types
	At      time.Time
}

// ReadHeard reads an event from the inbox of a user here. ok is false if it is none of a
// channel.
func ReadHeard(event []byte) (h Heard, ok bool) {
	var e struct {
		Type    string `json:"type"`
		Sender  string `json:"sender"`
		Content struct {
			AppID     string `json:"app_id"`
			Channel   string `json:"channel"`
			Sender    string `json:"sender"`
			Payload   string `json:"payload"`
			MessageID string `json:"message_id"`
			Members   int    `json:"members"`
			ServerTS  int64  `json:"server_ts"`
		} `json:"content"`
	}
	if json.Unmarshal(event, &e) != nil || e.Type != Message && e.Type != Joined && e.Type != Left {
		return h, false
	}
	service, err := todevice.ParseUserID(e.Sender)
	if err != nil {
		return h, false
	}
	sender, err := todevice.ParseUserID(e.Content.Sender)
	if err != nil || e.Type == Message && e.Content.Payload == "" {
		return h, false
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(e.Content.MessageID))
	return Heard{
		Service: service, Type: e.Type, AppID: e.Content.AppID, Channel: e.Content.Channel, Sender: sender, Payload: e.Content.Payload,
		Number: 1e12 + int64(hash.Sum64()%9e12), Members: e.Content.Members, At: time.UnixMilli(e.Content.ServerTS),
	}, true
}
