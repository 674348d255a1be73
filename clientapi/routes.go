package clientapi

import (
	"net/http"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/clientapi/limits"
	"github.com/chappe-im/chappe/internal/httpapi"
)

// Routes adds every endpoint of this door to a router made by httpapi.NewRouter.
func (s *Server) Routes(r *mux.Router) {
	// Old clients and tools still use r0; what is served here has not changed
	// between the two. The router tries paths in this order, so the busiest comes
	// first.
	for _, prefix := range []string{"/_matrix/client/v3", "/_matrix/client/r0"} {
		s.messageRoutes(r, prefix)
		s.accountRoutes(r, prefix)
		s.deviceRoutes(r, prefix)
		s.profileRoutes(r, prefix)
		s.serverRoutes(r, prefix)
	}
	r.Handle("/_matrix/client/v1/register/m.login.registration_token/validity", s.byAddress(limits.Register, httpapi.Endpoint(s.log, readValidity, s.validity))).
		Methods(http.MethodGet)
	s.adminRoutes(r)
	s.discoveryRoutes(r)
	if s.config.SharedSecret != "" {
		s.sharedSecretRoutes(r)
	}
}

// byAddress holds an endpoint to its limit for each address.
func (s *Server) byAddress(e limits.Endpoint, next http.Handler) http.Handler {
	return s.config.Limits.ByAddress(e, s.log, next)
}

func (s *Server) messageRoutes(r *mux.Router, prefix string) {
	r.Handle(prefix+"/sendToDevice/{eventType}/{txnId}", httpapi.Authed(s.log, s.store, readSendToDevice, s.sendToDevice)).
		Methods(http.MethodPut)
}

func (s *Server) serverRoutes(r *mux.Router, prefix string) {
	r.Handle(prefix+"/capabilities", httpapi.Authed(s.log, s.store, httpapi.NoQuery, s.capabilities)).
		Methods(http.MethodGet)
	r.Handle(prefix+"/voip/turnServer", httpapi.Authed(s.log, s.store, httpapi.NoQuery, s.turnServer)).
		Methods(http.MethodGet)
}

func (s *Server) discoveryRoutes(r *mux.Router) {
	r.Handle("/_matrix/client/versions", httpapi.Endpoint(s.log, readVersions, s.versions)).
		Methods(http.MethodGet)
	r.Handle("/.well-known/matrix/client", httpapi.Endpoint(s.log, httpapi.NoQuery, s.wellKnown)).
		Methods(http.MethodGet)
}

func (s *Server) sharedSecretRoutes(r *mux.Router) {
	const path = "/_synapse/admin/v1/register"
	r.Handle(path, s.byAddress(limits.SharedSecret, httpapi.Endpoint(s.log, httpapi.NoQuery, s.newNonce))).
		Methods(http.MethodGet)
	r.Handle(path, s.byAddress(limits.SharedSecret, httpapi.Endpoint(s.log, readSharedSecret, s.registerBySharedSecret))).
		Methods(http.MethodPost)
}

func (s *Server) accountRoutes(r *mux.Router, prefix string) {
	r.Handle(prefix+"/register", s.byAddress(limits.Register, httpapi.Endpoint(s.log, readRegister, s.register))).
		Methods(http.MethodPost)
	r.Handle(prefix+"/register/available", s.byAddress(limits.Availability, httpapi.Endpoint(s.log, readAvailable, s.available))).
		Methods(http.MethodGet)
	r.Handle(prefix+"/login", httpapi.Endpoint(s.log, httpapi.NoQuery, s.loginFlows)).
		Methods(http.MethodGet)
	r.Handle(prefix+"/login", s.byAddress(limits.Login, httpapi.Endpoint(s.log, readLogin, s.login))).
		Methods(http.MethodPost)
	r.Handle(prefix+"/refresh", httpapi.Endpoint(s.log, readRefresh, s.refresh)).
		Methods(http.MethodPost)
	r.Handle(prefix+"/logout", httpapi.Authed(s.log, s.store, httpapi.NoQuery, s.logout)).
		Methods(http.MethodPost)
	r.Handle(prefix+"/logout/all", httpapi.Authed(s.log, s.store, httpapi.NoQuery, s.logoutAll)).
		Methods(http.MethodPost)
	r.Handle(prefix+"/account/whoami", httpapi.Authed(s.log, s.store, httpapi.NoQuery, s.whoami)).
		Methods(http.MethodGet)
	r.Handle(prefix+"/account/3pid", httpapi.Authed(s.log, s.store, httpapi.NoQuery, s.thirdPartyIDs)).
		Methods(http.MethodGet)
	r.Handle(prefix+"/admin/whois/{userId}", httpapi.Authed(s.log, s.store, readUserID, s.whois)).
		Methods(http.MethodGet)
	r.Handle(prefix+"/account/password", httpapi.Authed(s.log, s.store, readPassword, s.changePassword)).
		Methods(http.MethodPost)
	r.Handle(prefix+"/account/deactivate", httpapi.Authed(s.log, s.store, readDeactivate, s.deactivateMe)).
		Methods(http.MethodPost)
}

// adminRoutes adds what is for administrators, and by this server's own rules.
func (s *Server) adminRoutes(r *mux.Router) {
	r.Handle("/_chappe/admin/v1/users/{userId}/login_token", httpapi.Authed(s.log, s.store, readUserID, s.loginToken)).
		Methods(http.MethodPost)
}

func (s *Server) deviceRoutes(r *mux.Router, prefix string) {
	r.Handle(prefix+"/devices", httpapi.Authed(s.log, s.store, httpapi.NoQuery, s.devices)).
		Methods(http.MethodGet)
	r.Handle(prefix+"/devices/{deviceId}", httpapi.Authed(s.log, s.store, readDevice, s.device)).
		Methods(http.MethodGet)
	r.Handle(prefix+"/devices/{deviceId}", httpapi.Authed(s.log, s.store, readRename, s.renameDevice)).
		Methods(http.MethodPut)
	r.Handle(prefix+"/devices/{deviceId}", httpapi.Authed(s.log, s.store, readDeleteDevice, s.deleteDevices)).
		Methods(http.MethodDelete)
	r.Handle(prefix+"/delete_devices", httpapi.Authed(s.log, s.store, readDeleteDevices, s.deleteDevices)).
		Methods(http.MethodPost)
}

func (s *Server) profileRoutes(r *mux.Router, prefix string) {
	r.Handle(prefix+"/profile/{userId}", httpapi.Endpoint(s.log, readProfile, s.profile)).
		Methods(http.MethodGet)
	r.Handle(prefix+"/profile/{userId}/{field}", httpapi.Endpoint(s.log, readProfileField, s.profile)).
		Methods(http.MethodGet)
	r.Handle(prefix+"/profile/{userId}/{field}", httpapi.Authed(s.log, s.store, readProfileChange, s.setProfile)).
		Methods(http.MethodPut)
	r.Handle(prefix+"/user/{userId}/openid/request_token", httpapi.Authed(s.log, s.store, readOpenID, s.openIDToken)).
		Methods(http.MethodPost)
}
