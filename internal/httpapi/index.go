package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// An index answers as a router does, and finds what a request is for by its path
// rather than by trying one route after the other. What it does not know it leaves to
// the router.
type index struct {
	router *mux.Router
	// templates holds, for each method, the templates by what stands before their first
	// variable.
	templates map[string]map[string][]template
}

// A template is a path whose variables are whole segments of it.
type template struct {
	segments []segment // all, from the first slash on
	known    int       // segments before the first variable
	route    *mux.Route
	handler  http.Handler
}

// A segment is what stands between two slashes: a variable if it has a name.
type segment struct {
	name, text string
	mayBeEmpty bool // the variable
}

// perhapsEmpty is the one pattern that a variable may have: any segment, even one of
// nothing. It has a slash in it, and so becomes emptyMark before a path is cut at those.
const (
	perhapsEmpty = ":[^/]*}"
	emptyMark    = "?}" // stands in no path
)

// Index gives a handler that answers as the router does, but faster. Routes that the
// router gets later, and those with other patterns than perhapsEmpty, are answered as
// slowly as before. The latter must have no path that another route has, too.
func Index(router *mux.Router) http.Handler {
	x := &index{router: router, templates: make(map[string]map[string][]template)}
	for method, templates := range templatesOf(router) {
		x.templates[method] = make(map[string][]template)
		for i, t := range templates {
			if ambiguous(templates, i) || !t.resolve(router, method) {
				continue
			}
			prefix := t.prefix()
			x.templates[method][prefix] = append(x.templates[method][prefix], t)
		}
	}
	return x
}

// templatesOf lists a router's templates by method. Those with other patterns for their
// variables are left out.
func templatesOf(router *mux.Router) map[string][]template {
	all := make(map[string][]template)
	_ = router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error { // fails only where this does
		path, noPath := route.GetPathTemplate()
		path = strings.ReplaceAll(path, perhapsEmpty, emptyMark)
		methods, noMethods := route.GetMethods()
		if noPath != nil || noMethods != nil || strings.Contains(path, ":") {
			return nil
		}
		for _, method := range methods {
			all[method] = append(all[method], parseTemplate(path, route))
		}
		return nil
	})
	return all
}

func parseTemplate(path string, route *mux.Route) template {
	t := template{route: route, known: -1}
	for i, text := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		name, opened := strings.CutPrefix(text, "{")
		name, mayBeEmpty := strings.CutSuffix(name, emptyMark)
		name, closed := strings.CutSuffix(name, "}")
		closed = closed || mayBeEmpty
		if !opened || !closed {
			name = ""
		} else if t.known < 0 {
			t.known = i
		}
		t.segments = append(t.segments, segment{name, text, mayBeEmpty})
	}
	if t.known < 0 {
		t.known = len(t.segments)
	}
	return t
}

// ambiguous tells whether a path could be meant by the i-th template and by another:
// the router then goes by their order.
func ambiguous(templates []template, i int) bool {
	return slices.ContainsFunc(templates, func(other template) bool {
		return other.route != templates[i].route && other.overlaps(templates[i])
	})
}

// overlaps tells whether there is a path that both templates have.
func (t template) overlaps(other template) bool {
	if len(t.segments) != len(other.segments) {
		return false
	}
	for i, s := range t.segments {
		if s.name == "" && other.segments[i].name == "" && s.text != other.segments[i].text {
			return false
		}
	}
	return true
}

// resolve asks the router for the handler, and tells whether it would use this route.
func (t *template) resolve(router *mux.Router, method string) bool {
	path := ""
	for _, s := range t.segments {
		if path += "/"; s.name == "" {
			path += s.text
		} else {
			path += "v"
		}
	}
	var match mux.RouteMatch
	if !router.Match(&http.Request{Method: method, URL: &url.URL{Path: path}}, &match) || match.MatchErr != nil {
		return false
	}
	t.handler = match.Handler
	return match.Route == t.route
}

// prefix is what stands before the first variable.
func (t *template) prefix() string {
	prefix := ""
	for _, s := range t.segments[:t.known] {
		prefix += "/" + s.text
	}
	return prefix
}

func (x *index) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	templates := x.templates[r.Method]
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '/') {
		for _, t := range templates[path[:end]] {
			vars, ok := t.match(path[end:])
			if !ok {
				continue
			}
			if len(vars) > 0 {
				r = mux.SetURLVars(r, vars)
			}
			t.handler.ServeHTTP(w, r)
			return
		}
	}
	x.router.ServeHTTP(w, r)
}

// match gives the variables of a path, of which rest stands behind the prefix, still
// percent-encoded.
func (t *template) match(rest string) (vars map[string]string, ok bool) {
	left := t.segments[t.known:]
	if strings.Count(rest, "/") != len(left) {
		return nil, false
	}
	rest = strings.TrimPrefix(rest, "/")
	for _, s := range left {
		text, behind, _ := strings.Cut(rest, "/")
		rest = behind
		switch {
		case s.name == "" && text != s.text, text == "" && !s.mayBeEmpty:
			return nil, false
		case s.name == "":
			continue
		case vars == nil:
			vars = make(map[string]string, len(left))
		}
		vars[s.name] = text
	}
	return vars, true
}
