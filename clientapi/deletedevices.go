package clientapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

type deleteQuery struct {
	proof
	deviceIDs []string
}

func readDeleteDevice(r *http.Request) (q deleteQuery, err error) {
	deviceID, err := httpapi.PathVar(r, "deviceId")
	if err != nil {
		return deleteQuery{}, err
	}
	q.deviceIDs = []string{deviceID}
	q.proof, _, err = readProof(r)
	return q, err
}

func readDeleteDevices(r *http.Request) (q deleteQuery, err error) {
	proof, members, err := readProof(r)
	if err != nil {
		return deleteQuery{}, err
	}
	if rawjson.Present(members["devices"]) == nil {
		return deleteQuery{}, httpapi.MissingParam("Missing parameter: devices")
	}
	q.proof = proof
	return q, httpapi.Decode(members["devices"], &q.deviceIDs)
}

// deleteDevices deletes devices of the user, once the user has shown to be there.
// Those that are gone already, or never were, are no error.
//
// DELETE /_matrix/client/v3/devices/{deviceId}
// https://spec.matrix.org/v1.15/client-server-api/#delete_matrixclientv3devicesdeviceid
//
// POST /_matrix/client/v3/delete_devices
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3delete_devices
func (s *Server) deleteDevices(ctx context.Context, device todevice.Device, q deleteQuery) (httpapi.Empty, error) {
	if err := s.prove(ctx, device, q.proof); err != nil {
		return httpapi.Empty{}, err
	}
	// A client that hangs up now must not keep the /sync of these devices from ending.
	gone, err := s.store.DeleteNamedDevices(context.WithoutCancel(ctx), device.User.Localpart, q.deviceIDs)
	if err != nil {
		return httpapi.Empty{}, fmt.Errorf("delete devices: %w", err)
	}
	s.notifier.Wake(gone...)
	return httpapi.Empty{}, nil
}
