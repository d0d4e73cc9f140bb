// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/run/summary"
)

// document is docs/dashboard-api.md by its sections, which are headed by method and path.
func document(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../docs/dashboard-api.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, part := range strings.Split(string(text), "\n## `")[1:] {
		head, body, found := strings.Cut(part, "`\n")
		if !found || sections[head] != "" {
			t.Errorf("the heading %.60q is odd, or there twice", part)
		}
		sections[head] = body
	}
	return sections
}

// answers are what the addresses answer with, nil for what is no JSON.
func answers() map[string]any {
	return map[string]any{
		"GET /api/runs": table{}, "GET /api/runs/{id}": story{}, "GET /api/runs/{id}/curves": map[string]line{},
		"GET /api/runs/{id}/curve.csv": nil, "GET /api/runs/{id}/spectra": []spectrum{},
		"GET /api/runs/{id}/config": []entry{},
		"PUT /api/runs/{id}/notes":  nil,
		"GET /api/runs/{id}/images": shelf{}, "GET /api/runs/{id}/images/{index}": nil,
		"GET /api/runs/{id}/views": []replayed{}, "GET /api/runs/{id}/quarantine": []bad{},
		"GET /api/runs/{id}/quarantine/{index}": nil, "GET /api/runs/{id}/embedding": embedded{},
		"GET /api/runs/{id}/embedding/{step}": struct {
			outcome
			mapped
		}{},
		"GET /api/runs/{id}/embedding/{step}/near": thenAndNow{}, "GET /api/runs/{id}/embedded/{index}": nil,
		"GET /api/runs/{id}/checkpoints/{step}/near": struct {
			outcome
			neighbours
		}{},
		"GET /api/clusterings/{id}": clustering{}, "GET /api/clusterings/{id}/clusters/{cluster}": gallery{},
		"GET /api/clusterings/{id}/clusters.csv": nil, "PUT /api/clusterings/{id}/names": nil,
		"GET /api/laboratories/{id}": laboratory{}, "GET /api/sweeps/{id}": sweep{}, "GET /api/live": nil,
	}
}

// Every address of the API is described, with every field of its answer, and no other. The examples have the form of
// the answers.
func TestAPIIsDocumented(t *testing.T) {
	sections, known := document(t), answers()
	s := newServer(t, t.TempDir())
	whole := strings.Join(slices.Collect(maps.Values(sections)), "\n")
	routes := map[string]bool{"GET /api/live": true}
	for pattern := range s.api() {
		routes[pattern] = true
	}
	for pattern := range routes {
		text, described := sections[pattern]
		if !described {
			t.Errorf("%s is not described in docs/dashboard-api.md", pattern)
			continue
		}
		of, listed := known[pattern]
		if !listed {
			t.Errorf("%s: name what it answers with in this test", pattern)
			continue
		}
		if of == nil {
			continue
		}
		for field, own := range fields(reflect.TypeOf(of)) {
			in := whole
			if own {
				in = text
			}
			if !strings.Contains(in, "`"+field+"`") && !strings.Contains(in, `"`+field+`"`) {
				t.Errorf("%s: the field %s is not described", pattern, field)
			}
		}
		for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(text, -1) {
			d := json.NewDecoder(strings.NewReader(block[1]))
			d.DisallowUnknownFields()
			if err := d.Decode(reflect.New(reflect.TypeOf(of)).Interface()); err != nil {
				t.Errorf("%s: the example is no answer: %v", pattern, err)
			}
		}
	}
	for pattern := range sections {
		if !routes[pattern] {
			t.Errorf("docs/dashboard-api.md describes %s, which there is not", pattern)
		}
	}
}

// fields returns the names of the fields that an answer has in JSON: true for its own, and false for those within them,
// which may be described with another answer.
func fields(of reflect.Type) map[string]bool {
	all, seen := map[string]bool{}, map[reflect.Type]bool{}
	var walk func(of reflect.Type, own bool)
	walk = func(of reflect.Type, own bool) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Array:
			walk(of.Elem(), own)
		case reflect.Struct:
			if seen[of] || of.PkgPath() != "" && !strings.HasSuffix(of.PkgPath(), "/dashboard") &&
				of != reflect.TypeFor[summary.Run]() {
				return
			}
			seen[of] = true
			for i := range of.NumField() {
				f := of.Field(i)
				if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
					all[name] = all[name] || own
				}
				walk(f.Type, own && f.Anonymous)
			}
		}
	}
	walk(of, true)
	return all
}
