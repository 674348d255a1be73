package userdata

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// Routes adds every endpoint of this door to a router made by httpapi.NewRouter.
func (s *Server) Routes(r *mux.Router) {
	for _, prefix := range []string{"/_matrix/client/v3", "/_matrix/client/r0"} {
		s.dataRoutes(r, prefix+"/user/{userId}")
		s.ruleRoutes(r, prefix+"/pushrules")
		s.presenceRoutes(r, prefix+"/presence/{userId}/status")
		s.pusherRoutes(r, prefix)
	}
}

func (s *Server) dataRoutes(r *mux.Router, prefix string) {
	r.Handle(prefix+"/filter", authed(s, readNewFilter, s.makeFilter)).Methods(http.MethodPost)
	r.Handle(prefix+"/filter/{filterId}", authed(s, readFilterQuery, s.filter)).Methods(http.MethodGet)
	r.Handle(prefix+"/account_data/{type}", authed(s, readDataQuery, s.accountData)).Methods(http.MethodGet)
	r.Handle(prefix+"/account_data/{type}", authed(s, readDataChange, s.setAccountData)).Methods(http.MethodPut)
}

// ruleRoutes serves lists of rules with a slash at the end and, as many write them,
// without.
func (s *Server) ruleRoutes(r *mux.Router, prefix string) {
	rule := prefix + "/global/{kind}/{ruleId}"
	for _, slash := range []string{"/", ""} {
		r.Handle(prefix+slash, authed(s, httpapi.NoQuery, s.pushRules)).Methods(http.MethodGet)
		r.Handle(prefix+"/global"+slash, authed(s, httpapi.NoQuery, s.globalPushRules)).Methods(http.MethodGet)
	}
	r.Handle(rule, authed(s, readRuleName, s.pushRule)).Methods(http.MethodGet)
	r.Handle(rule, authed(s, readRulePut, s.putPushRule)).Methods(http.MethodPut)
	r.Handle(rule, authed(s, readRuleName, s.deletePushRule)).Methods(http.MethodDelete)
	r.Handle(rule+"/enabled", authed(s, readRuleName, s.pushRuleEnabled)).Methods(http.MethodGet)
	r.Handle(rule+"/enabled", authed(s, readRuleEnabled, s.enablePushRule)).Methods(http.MethodPut)
	r.Handle(rule+"/actions", authed(s, readRuleName, s.pushRuleActions)).Methods(http.MethodGet)
	r.Handle(rule+"/actions", authed(s, readRuleActions, s.setPushRuleActions)).Methods(http.MethodPut)
}

func (s *Server) presenceRoutes(r *mux.Router, path string) {
	r.Handle(path, authed(s, readPresenceQuery, s.presence)).Methods(http.MethodGet)
	r.Handle(path, authed(s, readPresence, s.setPresence)).Methods(http.MethodPut)
}

func (s *Server) pusherRoutes(r *mux.Router, prefix string) {
	r.Handle(prefix+"/pushers", authed(s, httpapi.NoQuery, s.pushers)).Methods(http.MethodGet)
	r.Handle(prefix+"/pushers/set", authed(s, readPusher, s.setPusher)).Methods(http.MethodPost)
	r.Handle(prefix+"/notifications", authed(s, httpapi.NoQuery, s.notifications)).Methods(http.MethodGet)
}

func authed[Query, Answer any](
	s *Server,
	read func(*http.Request) (Query, error),
	do func(context.Context, todevice.Device, Query) (Answer, error),
) http.Handler {
	return httpapi.Authed(s.log, s.store, read, do)
}
