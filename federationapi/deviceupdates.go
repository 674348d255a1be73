package federationapi

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/internal/signedjson"
	"github.com/chappe-im/chappe/todevice"
)

const (
	deviceListUpdate = "m.device_list_update"
	signingKeyUpdate = "m.signing_key_update"
	// unstableSigningKeyUpdate is what some servers still send beside it.
	unstableSigningKeyUpdate = "org.matrix.signing_key_update"

	// maxDeviceID and maxDisplayName are in bytes, maxPrevIDs is a number.
	maxDeviceID    = 255
	maxDisplayName = 255
	maxPrevIDs     = 100
)

// user reads the user an EDU is about, who must be the origin's.
func (r *reader) user(content map[string]json.RawMessage) (user todevice.UserID, bad reason) {
	id, _ := rawjson.Text(content["user_id"])
	user, err := todevice.ParseUserID(id)
	switch {
	case err != nil:
		return user, badSender
	case user.Server != r.origin:
		return user, foreignSender
	}
	return user, ""
}

// deviceListUpdate reads the content of an m.device_list_update EDU, or says why it
// is no good.
//
// https://spec.matrix.org/v1.15/server-server-api/#definition-mdevice_list_update
func (r *reader) deviceListUpdate(raw json.RawMessage) (update todevice.DeviceListUpdate, bad reason) {
	content, ok := rawjson.Object(raw)
	if !ok {
		return update, badShape
	}
	if update.User, bad = r.user(content); bad != "" {
		return update, bad
	}
	if update.DeviceID, ok = rawjson.Text(content["device_id"]); !ok || update.DeviceID == "" || len(update.DeviceID) > maxDeviceID {
		return update, badShape
	}
	if update.StreamID, ok = streamID(content["stream_id"]); !ok {
		return update, badShape
	}
	if update.PrevIDs, ok = prevIDs(content["prev_id"]); !ok {
		return update, badShape
	}
	update.Deleted = string(content["deleted"]) == "true"
	if name, _ := rawjson.Text(content["device_display_name"]); len(name) <= maxDisplayName && utf8.ValidString(name) {
		update.DisplayName = name
	}
	if keys, given := content["keys"]; given && !update.Deleted {
		if !ofUser(keys, update.User) || !names(keys, "device_id", update.DeviceID) || !todevice.DeviceKeysShaped(keys) {
			return update, badContent
		}
		update.Keys = keys
	}
	return update, ""
}

// streamID reads a number, which some servers write as a string.
func streamID(raw json.RawMessage) (id int64, ok bool) {
	if text, ok := rawjson.Text(raw); ok {
		raw = json.RawMessage(text)
	}
	id, err := strconv.ParseInt(string(raw), 10, 64)
	return id, err == nil && id >= 0
}

// prevIDs reads a list of stream IDs that may be missing.
func prevIDs(raw json.RawMessage) (ids []int64, ok bool) {
	if raw == nil || string(raw) == "null" {
		return nil, true
	}
	items, ok := rawjson.List(raw)
	if !ok || len(items) > maxPrevIDs {
		return nil, false
	}
	for _, item := range items {
		id, ok := streamID(item)
		if !ok {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, true
}

// signingKeyUpdate reads the content of an m.signing_key_update EDU, or says why it is
// no good. A self-signing key is taken only with the master key that signed it.
//
// https://spec.matrix.org/v1.15/server-server-api/#definition-msigning_key_update
func (r *reader) signingKeyUpdate(raw json.RawMessage) (update todevice.SigningKeyUpdate, bad reason) {
	content, ok := rawjson.Object(raw)
	if !ok {
		return update, badShape
	}
	if update.User, bad = r.user(content); bad != "" {
		return update, bad
	}
	master, selfSigning := content["master_key"], content["self_signing_key"]
	if !crossSigningKey(master, update.User, "master") {
		return update, badContent
	}
	update.Master = master
	if selfSigning == nil {
		return update, ""
	}
	if !crossSigningKey(selfSigning, update.User, "self_signing") || !signedBy(selfSigning, update.User, todevice.PublicKey(master)) {
		return update, badContent
	}
	update.SelfSigning = selfSigning
	return update, ""
}

// maxUserKey is the size in bytes up to which the keys of one device are kept.
const maxUserKey = todevice.MaxContent

// ofUser tells whether an object may be kept as a key of a user.
func ofUser(raw json.RawMessage, user todevice.UserID) bool {
	return len(raw) <= maxUserKey && !canonicaljson.TooDeep(raw) && names(raw, "user_id", user.String())
}

// names tells whether a member of an object is this text.
func names(raw json.RawMessage, member, want string) bool {
	members, _ := rawjson.Object(raw)
	got, ok := rawjson.Text(members[member])
	return ok && got == want
}

// crossSigningKey tells whether an object is a user's key for this usage: exactly one
// key, under its own name.
func crossSigningKey(raw json.RawMessage, user todevice.UserID, usage string) bool {
	if !ofUser(raw, user) {
		return false
	}
	members, _ := rawjson.Object(raw)
	var usages []string
	if json.Unmarshal(members["usage"], &usages) != nil || !slices.Contains(usages, usage) {
		return false
	}
	keys, _ := rawjson.Object(members["keys"])
	for id, value := range keys {
		key, ok := rawjson.Text(value)
		return len(keys) == 1 && ok && id == signing.Algorithm+":"+key
	}
	return false
}

// signedBy tells whether a key carries a user's signature by one of their keys.
func signedBy(raw json.RawMessage, user todevice.UserID, public string) bool {
	var key spec.Base64Bytes
	if key.Decode(strings.TrimRight(public, "=")) != nil {
		return false
	}
	return signedjson.Verify(raw, user.String(), signing.Algorithm+":"+public, []byte(key)) == nil
}
