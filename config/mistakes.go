package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// mistakes gathers everything wrong with one file, so that it can be told at once.
// What is added never quotes a value: any of them might be a secret in the wrong
// place.
type mistakes struct {
	file string // "" where the text is no file
	// lines holds the line on which each key and list entry stands.
	lines map[string]int
	// told holds the paths whose value is known to be wrong. What lies at or beneath
	// one is not complained of again.
	told  map[string]bool
	found []mistake
}

// A mistake is one line of the report.
type mistake struct {
	line int // 0 where there is none
	text string
}

func newMistakes(file string) *mistakes {
	return &mistakes{file: file, lines: map[string]int{}, told: map[string]bool{}}
}

// states tells whether the file has the key.
func (m *mistakes) states(path string) bool {
	_, ok := m.lines[path]
	return ok
}

// add reports a wrong value, unless something was said of it already.
func (m *mistakes) add(path, advice string) {
	for at := path; ; at = parent(at) {
		if m.told[at] {
			return
		}
		if at == "" {
			break
		}
	}
	m.told[path] = true
	if path != "" {
		advice = path + ": " + advice
	}
	m.at(m.line(path), advice)
}

// at reports something about a line that is not one value's fault.
func (m *mistakes) at(line int, text string) {
	m.found = append(m.found, mistake{line: line, text: text})
}

// line finds where a path stands, or else what it would stand in.
func (m *mistakes) line(path string) int {
	for path != "" {
		if line, ok := m.lines[path]; ok {
			return line
		}
		path = parent(path)
	}
	return 0
}

// parent cuts the last step off a path such as rtm.apps[0].app_id.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// err joins what was found, in the order of the lines; nil where nothing was.
func (m *mistakes) err() error {
	slices.SortStableFunc(m.found, func(a, b mistake) int { return a.line - b.line })
	var errs []error
	for _, one := range m.found {
		errs = append(errs, errors.New(m.place(one.line)+one.text))
	}
	return errors.Join(errs...)
}

// place begins a message: "config.yaml:12: ", or as much of that as is known.
func (m *mistakes) place(line int) string {
	switch {
	case m.file != "" && line > 0:
		return fmt.Sprintf("%s:%d: ", m.file, line)
	case m.file != "":
		return m.file + ": "
	case line > 0:
		return fmt.Sprintf("line %d: ", line)
	default:
		return ""
	}
}
