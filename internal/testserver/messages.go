package testserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// AllDevices addresses every device a user has.
const AllDevices = "*"

// Messages are contents by user ID and device ID.
type Messages map[string]map[string]any

// SendToDevice sends one event type to any number of devices.
//
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid
func (c *Client) SendToDevice(ctx context.Context, eventType, txnID string, messages Messages) error {
	path := "/_matrix/client/v3/sendToDevice/" + url.PathEscape(eventType) + "/" + url.PathEscape(txnID)
	return c.call(ctx, http.MethodPut, path, map[string]Messages{"messages": messages}, nil)
}

// A SyncResponse is what a device got from one /sync.
type SyncResponse struct {
	NextBatch string
	Events    []Event
	// RawEvents is the list to_device.events, byte for byte.
	RawEvents json.RawMessage
}

// An Event is one message as a device gets it.
type Event struct {
	Sender  string          `json:"sender"`
	Type    string          `json:"type"`
	Content json.RawMessage `json:"content"`
}

// Sync asks for what waits behind since ("": everything), and waits for something
// up to the timeout. An event with other keys than the three it must have is an
// error.
//
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3sync
func (c *Client) Sync(ctx context.Context, since string, timeout time.Duration) (*SyncResponse, error) {
	query := url.Values{"timeout": {strconv.FormatInt(timeout.Milliseconds(), 10)}}
	if since != "" {
		query.Set("since", since)
	}
	var answer struct {
		NextBatch string `json:"next_batch"`
		ToDevice  struct {
			Events json.RawMessage `json:"events"`
		} `json:"to_device"`
	}
	if err := c.call(ctx, http.MethodGet, "/_matrix/client/v3/sync?"+query.Encode(), nil, &answer); err != nil {
		return nil, err
	}
	if answer.NextBatch == "" {
		return nil, fmt.Errorf("sync: the response has no next_batch")
	}
	response := &SyncResponse{NextBatch: answer.NextBatch, RawEvents: answer.ToDevice.Events}
	strict := json.NewDecoder(bytes.NewReader(answer.ToDevice.Events))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&response.Events); err != nil {
		return nil, fmt.Errorf("sync: read to_device.events: %w", err)
	}
	return response, nil
}
