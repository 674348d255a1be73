package userdata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// maxDataType is how long a type of account data may be, in bytes.
	maxDataType = 255
	// maxContent is how long its content may be, in bytes.
	maxContent = todevice.MaxContent
)

// dataQuery names account data.
type dataQuery struct{ user, dataType string }

func readDataQuery(r *http.Request) (q dataQuery, err error) {
	if q.user, err = httpapi.PathVar(r, "userId"); err != nil {
		return dataQuery{}, err
	}
	q.dataType, err = httpapi.PathVar(r, "type")
	return q, err
}

// accountData gives what the user keeps under a type.
//
// GET /_matrix/client/v3/user/{userId}/account_data/{type}
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3useruseridaccount_datatype
func (s *Server) accountData(ctx context.Context, device todevice.Device, q dataQuery) (json.RawMessage, error) {
	if err := checkOwn(device, q.user); err != nil {
		return nil, err
	}
	if q.dataType == todevice.PushRulesType {
		return s.pushRules(ctx, device, struct{}{})
	}
	content, err := s.store.AccountData(ctx, device.User.Localpart, q.dataType)
	if errors.Is(err, todevice.ErrNoData) {
		return nil, httpapi.NotFound("You keep nothing under this type")
	}
	if err != nil {
		return nil, fmt.Errorf("give account data: %w", err)
	}
	return content, nil
}

type dataChange struct {
	dataQuery
	content json.RawMessage
}

func readDataChange(r *http.Request) (q dataChange, err error) {
	if q.dataQuery, err = readDataQuery(r); err != nil {
		return dataChange{}, err
	}
	switch {
	case q.dataType == todevice.PushRulesType || q.dataType == "m.fully_read":
		return dataChange{}, &httpapi.Error{
			Status: http.StatusMethodNotAllowed,
			Body:   spec.BadJSON(q.dataType + " is not set in this way"),
		}
	case len(q.dataType) > maxDataType:
		return dataChange{}, httpapi.InvalidParam(fmt.Sprintf("The type is over %d bytes", maxDataType))
	}
	q.content, err = readContent(r)
	return q, err
}

// readContent reads a body that is an object and is kept as it was written.
func readContent(r *http.Request) (json.RawMessage, error) {
	body, err := httpapi.ReadBody(r, maxContent)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	return body, httpapi.Decode(body, &members)
}

// setAccountData keeps something under a type.
//
// PUT /_matrix/client/v3/user/{userId}/account_data/{type}
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3useruseridaccount_datatype
func (s *Server) setAccountData(ctx context.Context, device todevice.Device, q dataChange) (httpapi.Empty, error) {
	if err := checkOwn(device, q.user); err != nil {
		return httpapi.Empty{}, err
	}
	err := s.store.SetAccountData(ctx, device.User.Localpart, q.dataType, q.content)
	if errors.Is(err, todevice.ErrUnknownDevice) {
		return httpapi.Empty{}, httpapi.NotFound("You have no device of this ID")
	}
	if err != nil {
		return httpapi.Empty{}, fmt.Errorf("keep account data: %w", refusal(err))
	}
	return httpapi.Empty{}, nil
}
