package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// maxKey bounds one key object, in bytes as it was sent, and maxOneTimeKey one that
	// can be claimed, of which a device has many. Real ones are a tenth of it at most.
	maxKey        = 64 << 10
	maxOneTimeKey = 8 << 10
	// maxKeyName bounds algorithm:id, in bytes.
	maxKeyName = 255
)

type uploadQuery struct {
	deviceKeys json.RawMessage // nil where there are none
	// userID and deviceID are those that the device keys name.
	userID, deviceID string
	oneTimeKeys      []todevice.OneTimeKey
	fallbackKeys     []todevice.OneTimeKey
}

type uploadAnswer struct {
	OneTimeKeyCounts map[string]int `json:"one_time_key_counts"`
}

func readUpload(r *http.Request) (q uploadQuery, err error) {
	fields, err := httpapi.ReadObject(r)
	if err != nil {
		return uploadQuery{}, err
	}
	if keys := rawjson.Present(fields["device_keys"]); keys != nil {
		if q.userID, q.deviceID, err = checkDeviceKeys(keys); err != nil {
			return uploadQuery{}, err
		}
		q.deviceKeys = keys
	}
	if q.oneTimeKeys, err = decodeOneTimeKeys(rawjson.Present(fields["one_time_keys"])); err != nil {
		return uploadQuery{}, err
	}
	fallback := rawjson.Present(fields["fallback_keys"])
	if fallback == nil {
		fallback = rawjson.Present(fields["org.matrix.msc2732.fallback_keys"])
	}
	if q.fallbackKeys, err = decodeOneTimeKeys(fallback); err != nil {
		return uploadQuery{}, err
	}
	for i, key := range q.fallbackKeys {
		if i > 0 && key.Algorithm == q.fallbackKeys[i-1].Algorithm { // they are sorted
			return uploadQuery{}, httpapi.BadJSON("There are two fallback keys of one algorithm")
		}
	}
	return q, nil
}

// checkDeviceKeys checks the shape of device keys, and gives whose they are by
// their own words. Whether their signatures are good is for those to find out who
// use the keys.
//
// https://spec.matrix.org/v1.15/client-server-api/#device-keys
func checkDeviceKeys(raw json.RawMessage) (userID, deviceID string, err error) {
	if err := checkKey("device_keys", raw); err != nil {
		return "", "", err
	}
	members, ok := rawjson.Object(raw)
	if !ok {
		return "", "", httpapi.BadJSON("device_keys is not an object")
	}
	var algorithms []string
	var keys map[string]string
	var signatures map[string]map[string]string
	for name, into := range map[string]any{
		"user_id": &userID, "device_id": &deviceID, "algorithms": &algorithms, "keys": &keys, "signatures": &signatures,
	} {
		if rawjson.Present(members[name]) == nil || json.Unmarshal(members[name], into) != nil {
			return "", "", httpapi.BadJSON("device_keys." + name + " is missing or has the wrong shape")
		}
	}
	return userID, deviceID, nil
}

// checkKey refuses a key that is larger or nested deeper than those could read who
// ask for it, perhaps together with other keys, and one that has no canonical form:
// it could not be signed, and in a transaction would stop the queue to a server.
func checkKey(name string, key json.RawMessage) error {
	if len(key) > maxKey {
		return httpapi.TooLarge(fmt.Sprintf("%s is over %d bytes", name, maxKey))
	}
	if _, err := canonicaljson.Strict(key); err != nil {
		return httpapi.BadJSON(fmt.Sprintf("%s cannot be signed: %v", name, err))
	}
	return nil
}

// decodeOneTimeKeys reads {"algorithm:id": key} and lists it by name.
func decodeOneTimeKeys(raw json.RawMessage) ([]todevice.OneTimeKey, error) {
	if raw == nil {
		return nil, nil
	}
	byName, ok := rawjson.Object(raw)
	if !ok {
		return nil, httpapi.BadJSON("The one-time or fallback keys are not an object")
	}
	var keys []todevice.OneTimeKey
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		algorithm, id, named := strings.Cut(name, ":")
		if !named || algorithm == "" || id == "" {
			return nil, httpapi.BadJSON("The name of a key is not algorithm:id")
		}
		key := byName[name]
		if key[0] != '{' && key[0] != '"' {
			return nil, httpapi.BadJSON("A key is neither an object nor a string")
		}
		if len(name) > maxKeyName || len(key) > maxOneTimeKey {
			return nil, httpapi.TooLarge(fmt.Sprintf("A one-time key is over %d bytes, or its name over %d", maxOneTimeKey, maxKeyName))
		}
		if err := checkKey("A one-time key", key); err != nil {
			return nil, err
		}
		keys = append(keys, todevice.OneTimeKey{Algorithm: algorithm, ID: id, Key: key})
	}
	return keys, nil
}

// upload publishes keys of the device, all that are given or none, and counts
// the one-time keys there are then. Without any it only counts.
//
// POST /_matrix/client/v3/keys/upload
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3keysupload
func (s *Server) upload(ctx context.Context, device todevice.Device, q uploadQuery) (uploadAnswer, error) {
	if q.deviceKeys != nil && (q.userID != device.User.String() || q.deviceID != device.ID) {
		return uploadAnswer{}, httpapi.InvalidParam("device_keys are not those of this device")
	}
	counts, err := s.keep(ctx, device.Inbox, todevice.KeyUpload{
		DeviceKeys:   q.deviceKeys,
		OneTimeKeys:  q.oneTimeKeys,
		FallbackKeys: q.fallbackKeys,
	})
	var conflict *todevice.KeyConflictError
	switch {
	case errors.As(err, &conflict):
		// One SDK reads these words.
		return uploadAnswer{}, httpapi.BadRequest(spec.ErrorUnknown, fmt.Sprintf(
			"One time key %s already exists. Old key: %s; new key: %s", conflict.Name, conflict.Old, conflict.New))
	case errors.Is(err, todevice.ErrTooManyKeys):
		// Not as if the client should try again: none that works comes here.
		return uploadAnswer{}, httpapi.TooLarge(fmt.Sprintf("A device may have %d one-time keys, and fallback keys of %d algorithms",
			todevice.MaxOneTimeKeys, todevice.MaxFallbackKeys))
	case errors.Is(err, todevice.ErrUnknownDevice):
		return uploadAnswer{}, httpapi.UnknownToken() // deleted since the token was checked
	case err != nil:
		return uploadAnswer{}, fmt.Errorf("upload keys: %w", err)
	}
	return uploadAnswer{OneTimeKeyCounts: counts.OneTimeKeys}, nil
}

func (s *Server) keep(ctx context.Context, inbox todevice.InboxID, upload todevice.KeyUpload) (todevice.KeyCounts, error) {
	if upload.DeviceKeys == nil && upload.OneTimeKeys == nil && upload.FallbackKeys == nil {
		return s.store.KeyCounts(ctx, inbox)
	}
	return s.store.UploadKeys(ctx, inbox, upload)
}
