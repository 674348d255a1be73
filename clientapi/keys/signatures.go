package keys

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

// A signaturesQuery holds signed objects by user ID, and by the ID of the device or
// the public key of the cross-signing key that is signed.
type signaturesQuery map[string]map[string]json.RawMessage

// A signaturesAnswer says, by the same names, why signatures were not taken.
type signaturesAnswer struct {
	Failures map[string]map[string]spec.MatrixError `json:"failures"`
}

func (a signaturesAnswer) add(userID, name string, why spec.MatrixError) {
	if a.Failures[userID] == nil {
		a.Failures[userID] = make(map[string]spec.MatrixError)
	}
	a.Failures[userID][name] = why
}

func readSignatures(r *http.Request) (signaturesQuery, error) {
	fields, err := httpapi.ReadObject(r)
	if err != nil {
		return nil, err
	}
	if len(fields) > todevice.MaxKeyUsers {
		return nil, tooMany()
	}
	q := make(signaturesQuery, len(fields))
	for userID, raw := range fields {
		objects, ok := rawjson.Object(raw)
		if !ok {
			return nil, httpapi.BadJSON("The signed keys of a user are not an object")
		}
		for _, object := range objects {
			if _, ok := rawjson.Object(object); !ok {
				return nil, httpapi.BadJSON("A signed key is not an object")
			}
		}
		q[userID] = objects
	}
	return q, nil
}

// uploadSignatures publishes signatures that the caller has made of keys: of their
// devices with the self-signing key, of their master key with a device, and of the
// master keys of others with the user-signing key. Each entry is taken or refused by
// itself.
//
// POST /_matrix/client/v3/keys/signatures/upload
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3keyssignaturesupload
func (s *Server) uploadSignatures(ctx context.Context, device todevice.Device, q signaturesQuery) (signaturesAnswer, error) {
	answer := signaturesAnswer{Failures: make(map[string]map[string]spec.MatrixError)}
	signables, err := s.findSignables(ctx, device.User, q)
	if err != nil {
		return signaturesAnswer{}, fmt.Errorf("upload signatures: %w", err)
	}
	var good []todevice.Signature
	for userID, objects := range q {
		for name, object := range objects {
			key, ok := signables[userID][name]
			if !ok {
				answer.add(userID, name, spec.NotFound("There is no such key that you may sign"))
				continue
			}
			signatures, why := key.check(device.User, object)
			if why != "" {
				answer.add(userID, name, spec.InvalidSignature(why))
				continue
			}
			good = append(good, signatures...)
		}
	}
	if len(good) == 0 {
		return answer, nil
	}
	late, err := s.store.AddSignatures(ctx, good)
	if err != nil {
		return signaturesAnswer{}, fmt.Errorf("upload signatures: %w", err)
	}
	for _, signature := range late {
		answer.add(signature.Target.String(), signature.TargetKey, spec.NotFound("The keys have changed meanwhile"))
	}
	return answer, nil
}
