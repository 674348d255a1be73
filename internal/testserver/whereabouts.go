package testserver

import "github.com/matrix-org/gomatrixserverlib/spec"

// Name is the server's Matrix name.
func (s *Server) Name() spec.ServerName { return s.config.ServerName }

// UserID gives the ID of a local user.
func (s *Server) UserID(localpart string) string { return "@" + localpart + ":" + string(s.Name()) }

// URL is where clients reach the server, without a slash at its end. It stays the
// same when the server is restarted.
func (s *Server) URL() string { return "http://" + s.config.Client.Listen }

// FederationURL is where other servers reach it.
func (s *Server) FederationURL() string { return "https://" + s.config.Federation.Listen }

// DataDir is the folder with the server's database and keys.
func (s *Server) DataDir() string { return s.config.DataDir }

// Log is what the server has written so far, over all its starts.
func (s *Server) Log() string { return s.log.String() }
