package sessions

import (
	"encoding/json"
	"maps"
)

// How large the attributes of a user may be, in bytes.
const (
	maxAttributeKey   = 32
	maxAttributeValue = 8 << 10
	maxUserAttributes = 16 << 10
	maxAttributeCount = 32 // in one call
)

// The codes of calls for attributes, as the SDK has them for programs.
const (
	attributeInvalid  = 3
	attributeTooLarge = 4
	attributeTooOften = 5
)

// An attributeList is the content of AddOrUpdateUserAttributes.
type attributeList struct {
	MsgId int64
	// SetLocal is true if nothing that was there is to stay.
	SetLocal   bool
	Attributes string // a JSON object in a string
}

func (ss *session) setAttributes(q attributeList) {
	var changes map[string]string
	code := 0
	switch {
	case json.Unmarshal([]byte(q.Attributes), &changes) != nil:
		code = attributeInvalid
	case !ss.may(writingUser):
		code = attributeTooOften
	default:
		code = ss.changeAttributes(changes, q.SetLocal)
	}
	ss.send("AddOrUpdateUserAttributes", map[string]any{"MsgId": q.MsgId, "Code": code})
}

// changeAttributes changes the user's attributes, all or none of them.
func (ss *session) changeAttributes(changes map[string]string, replace bool) (code int) {
	if len(changes) > maxAttributeCount {
		return attributeTooLarge
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	after := make(map[string]string, len(changes))
	if !replace {
		maps.Copy(after, ss.attributes)
	}
	maps.Copy(after, changes)
	size := 0
	for key, value := range after {
		switch {
		case key == "" || value == "":
			return attributeInvalid
		case len(key) > maxAttributeKey || len(value) > maxAttributeValue:
			return attributeTooLarge
		}
		size += len(key) + len(value)
	}
	if size > maxUserAttributes {
		return attributeTooLarge
	}
	ss.attributes = after
	return 0
}

func (ss *session) deleteAttributes(q struct {
	MsgId int64
	Keys  string
}) {
	var keys []string
	code := 0
	switch {
	case json.Unmarshal([]byte(q.Keys), &keys) != nil:
		code = attributeInvalid
	case !ss.may(writingUser):
		code = attributeTooOften
	}
	if code == 0 {
		ss.mu.Lock()
		for _, key := range keys {
			delete(ss.attributes, key)
		}
		ss.mu.Unlock()
	}
	ss.send("DeleteUserAttributes", map[string]any{"MsgId": q.MsgId, "Code": code})
}

func (ss *session) clearAttributes(q struct{ MsgId int64 }) {
	code := 0
	if ss.may(writingUser) {
		ss.mu.Lock()
		ss.attributes = nil
		ss.mu.Unlock()
	} else {
		code = attributeTooOften
	}
	ss.send("ClearUserAttributes", map[string]any{"MsgId": q.MsgId, "Code": code})
}

// getAttributes answers the attributes of a user, of whom there are none while the user is
// offline. The SDK reads no code in the answer.
func (ss *session) getAttributes(q struct {
	MsgId  int64
	UserId string
	Keys   []string
}) {
	found := map[string]string{}
	if user, err := ss.server.door.Receiver(ss.app, q.UserId); err == nil && ss.may(readingUser) {
		if other := ss.server.session(user); other != nil {
			found = other.attributesOf(q.Keys)
		}
	}
	text, _ := json.Marshal(found) // of strings
	ss.send("QueryAttribKeys", map[string]any{"MsgId": q.MsgId, "QueryUserId": q.UserId, "Attribs": string(text)})
}

// attributesOf gives the attributes of some keys, all where none is named.
func (ss *session) attributesOf(keys []string) map[string]string {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	found := make(map[string]string, len(ss.attributes))
	if len(keys) == 0 {
		maps.Copy(found, ss.attributes)
	}
	for _, key := range keys {
		if value, ok := ss.attributes[key]; ok {
			found[key] = value
		}
	}
	return found
}
