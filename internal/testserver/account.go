package testserver

import (
	"context"
	"net/http"
	"time"
)

// Register makes an account with one device, and gives the client for that.
//
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3register
func (c *Client) Register(ctx context.Context, localpart, password, deviceID string) (*Client, error) {
	return c.loggedIn(ctx, "/_matrix/client/v3/register", map[string]any{
		"auth":     map[string]string{"type": "m.login.dummy"},
		"username": localpart, "password": password, "device_id": deviceID,
	})
}

// Login gives the client for a device of an account, new or known.
//
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3login
func (c *Client) Login(ctx context.Context, localpart, password, deviceID string) (*Client, error) {
	return c.loggedIn(ctx, "/_matrix/client/v3/login", map[string]any{
		"type":       "m.login.password",
		"identifier": map[string]string{"type": "m.id.user", "user": localpart},
		"password":   password, "device_id": deviceID,
	})
}

func (c *Client) loggedIn(ctx context.Context, path string, body any) (*Client, error) {
	var answer struct {
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"`
		Token    string `json:"access_token"`
	}
	if err := c.call(ctx, http.MethodPost, path, body, &answer); err != nil {
		return nil, err
	}
	return &Client{
		Device: Device{User: answer.UserID, ID: answer.DeviceID},
		Token:  answer.Token,
		url:    c.url, http: c.http, check: c.check,
	}, nil
}

// Logout deletes the client's device.
//
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3logout
func (c *Client) Logout(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/_matrix/client/v3/logout", struct{}{}, nil)
}

// Device gives the client of a new device. The account is registered at its first
// device. For the test's goroutine only, which ends if it does not work.
func (s *Server) Device(localpart, deviceID string) *Client {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	enter := s.Client().Register
	if s.users[localpart] {
		enter = s.Client().Login
	}
	client, err := enter(ctx, localpart, "password of "+localpart, deviceID)
	if err != nil {
		s.t.Fatalf("testserver: make %s of %s at %s: %v", deviceID, localpart, s.Name(), err)
	}
	s.users[localpart] = true
	return client
}
