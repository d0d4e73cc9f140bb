// SPDX-License-Identifier: Apache-2.0

package sweep

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/filename"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// A Plan says which runs a sweep makes: each method with each combination of the values of the grid, under each seed.
type Plan struct {
	Methods []string `json:"methods"`
	Seeds   []uint64 `json:"seeds"`
	Grid    []Axis   `json:"grid,omitempty"`
	// What all runs share.
	Data    string    `json:"data"`
	Probes  []string  `json:"probes,omitempty"`
	Preset  string    `json:"preset,omitempty"`
	Minutes float64   `json:"minutes,omitempty"` // of each run; 0: the settings give its length
	Set     []Setting `json:"set,omitempty"`
	Config  string    `json:"config,omitempty"` // the text of a config file
}

// An Axis is a setting and the values that it takes.
type Axis struct {
	Path   string   `json:"path"`
	Values []string `json:"values"`
}

// A Setting is a value of the configuration, written as in a config file.
type Setting struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

func (s Setting) String() string { return s.Path + "=" + s.Value }

// A Cell is one run of a sweep.
type Cell struct {
	Name   string // of its folder
	Method string
	Seed   uint64
	Set    []Setting // a value of each axis
}

// MostCells is the largest number of runs of a sweep.
const MostCells = 10_000

// own are settings that a plan has fields for.
var own = map[string]string{
	"method.name": "methods (--method)", "seed": "seeds (--seeds)", "data.path": "data (--data)",
	"probe.paths": "probes (--probe)",
}

// Put gives a setting its values, instead of those that it has: one value is for all runs, several are an axis.
func (p *Plan) Put(path string, values ...string) {
	isSetting := func(s Setting) bool { return s.Path == path }
	isAxis := func(a Axis) bool { return a.Path == path }
	if len(values) == 1 {
		p.Grid = slices.DeleteFunc(p.Grid, isAxis)
		if at := slices.IndexFunc(p.Set, isSetting); at >= 0 {
			p.Set[at].Value = values[0]
			return
		}
		p.Set = append(p.Set, Setting{path, values[0]})
		return
	}
	p.Set = slices.DeleteFunc(p.Set, isSetting)
	if at := slices.IndexFunc(p.Grid, isAxis); at >= 0 {
		p.Grid[at].Values = values
		return
	}
	p.Grid = append(p.Grid, Axis{path, values})
}

// Split returns the values of a list a,b,c. A comma within brackets or braces belongs to a value: [0.2, 1],[0.5, 1] are
// two values.
func Split(list string) []string {
	var all []string
	depth, from := 0, 0
	for i, r := range list {
		switch r {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth <= 0 {
				all = append(all, strings.TrimSpace(list[from:i]))
				from = i + 1
			}
		}
	}
	return append(all, strings.TrimSpace(list[from:]))
}

// Check returns what is wrong with the plan. It does not know the settings of a method.
func (p *Plan) Check() error {
	switch {
	case p.Data == "":
		return errors.New("a sweep needs images: data (--data PATH)")
	case len(p.Methods) == 0:
		return errors.New("a sweep needs at least one method: methods (--method a,b)")
	case len(p.Seeds) == 0:
		return errors.New("a sweep needs at least one seed: seeds (--seeds 3)")
	case p.Minutes < 0 || p.Minutes != p.Minutes:
		return fmt.Errorf("%g minutes are no length of a run", p.Minutes)
	}
	if m, twice := repeated(p.Methods); twice {
		return fmt.Errorf("method %s is given twice", printable.Name(m))
	}
	if s, twice := repeated(p.Seeds); twice {
		return fmt.Errorf("seed %d is given twice", s)
	}
	var paths []string
	for _, s := range p.Set {
		paths = append(paths, s.Path)
	}
	cells := len(p.Methods) * len(p.Seeds)
	for _, a := range p.Grid {
		paths = append(paths, a.Path)
		if len(a.Values) == 0 {
			return fmt.Errorf("%s has no value", printable.Name(a.Path))
		}
		if v, twice := repeated(a.Values); twice {
			return fmt.Errorf("%s has the value %s twice", printable.Name(a.Path), printable.Name(v))
		}
		if cells *= len(a.Values); cells > MostCells {
			break
		}
	}
	if cells > MostCells {
		return fmt.Errorf("these are more than %d runs: take fewer methods, seeds or values", MostCells)
	}
	for _, path := range paths {
		if path == "" {
			return errors.New("a setting has no name: write it as section.key=value")
		}
		if instead, is := own[path]; is {
			return fmt.Errorf("%s is no setting of a sweep: give %s", path, instead)
		}
	}
	if path, twice := repeated(paths); twice {
		return fmt.Errorf("%s is given twice", printable.Name(path))
	}
	if p.Minutes > 0 && (slices.Contains(paths, "train.epochs") || slices.Contains(paths, "train.max_steps")) {
		return errors.New("minutes and a number of steps or epochs are two lengths of a run: leave one out")
	}
	return nil
}

func repeated[T comparable](all []T) (T, bool) {
	seen := map[T]bool{}
	for _, v := range all {
		if seen[v] {
			return v, true
		}
		seen[v] = true
	}
	var none T
	return none, false
}

// Cells lists the runs: all methods and values under the first seed, then under the second, and so on, so that all
// groups progress together. Names depend on nothing but the plan.
func (p *Plan) Cells() []Cell {
	var grid [][]Setting
	grid = append(grid, nil)
	for _, a := range p.Grid {
		var more [][]Setting
		for _, set := range grid {
			for _, v := range a.Values {
				more = append(more, append(slices.Clip(set), Setting{a.Path, v}))
			}
		}
		grid = more
	}
	short := p.shortPaths()
	used := map[string]bool{}
	var all []Cell
	for _, seed := range p.Seeds {
		for _, m := range p.Methods {
			for _, set := range grid {
				c := Cell{Method: m, Seed: seed, Set: set}
				c.Name = c.name(short, used)
				all = append(all, c)
			}
		}
	}
	return all
}

// shortPaths returns for each axis the shortest end of its path that no other axis has. backbone.name is backbone.
func (p *Plan) shortPaths() map[string]string {
	short := map[string]string{}
	for _, a := range p.Grid {
		parts := strings.Split(strings.TrimSuffix(a.Path, ".name"), ".")
		for n := 1; n <= len(parts); n++ {
			end := strings.Join(parts[len(parts)-n:], ".")
			short[a.Path] = end
			if !slices.ContainsFunc(p.Grid, func(b Axis) bool {
				other := strings.TrimSuffix(b.Path, ".name")
				return b.Path != a.Path && (other == end || strings.HasSuffix(other, "."+end))
			}) {
				break
			}
		}
	}
	return short
}

// longestName is the largest number of bytes of a cell's name.
const longestName = 100

// name returns a name for the cell's folder that is not used yet: letters, digits and _ + . , = - alone, different in
// more than case. A name from which something had to be left out ends with a digest of the cell.
func (c *Cell) name(short map[string]string, used map[string]bool) string {
	text := fmt.Sprintf("%s-seed%d", c.Method, c.Seed)
	for _, s := range c.Set {
		text += "-" + short[s.Path] + "=" + s.Value
	}
	safe := strings.Map(func(r rune) rune {
		if r < 128 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' ||
			strings.ContainsRune("_+.,=-", r)) {
			return r
		}
		return '_'
	}, text)
	safe = strings.TrimLeft(safe[:min(len(safe), longestName)], ".-")
	if safe != text || used[strings.ToLower(safe)] {
		sum := sha256.Sum256([]byte(fmt.Sprintf("%q %d %q", c.Method, c.Seed, c.Set)))
		safe = safe[:min(len(safe), longestName-13)] + "-" + hex.EncodeToString(sum[:6])
	}
	used[strings.ToLower(safe)] = true
	return safe
}

// Label is what the runs of the cell's group have in common and other groups have not.
func (p *Plan) Label(c Cell) string {
	var parts []string
	if len(p.Methods) > 1 || len(c.Set) == 0 {
		parts = append(parts, c.Method)
	}
	short := p.shortPaths()
	for _, s := range c.Set {
		parts = append(parts, short[s.Path]+" "+s.Value)
	}
	return printable.Name(printable.Middle(strings.Join(parts, ", "), 120))
}

// Args returns the arguments of the command that makes the cell's run in the folder out, with the config file, "" for
// none, and with so many threads, unless the plan gives their number.
func (p *Plan) Args(c Cell, out, config string, threads int) []string {
	args := []string{"pretrain", "--data", p.Data, "--method", c.Method, "--seed", strconv.FormatUint(c.Seed, 10)}
	if p.Preset != "" {
		args = append(args, "--preset", p.Preset)
	}
	if config != "" {
		args = append(args, "--config", config)
	}
	if p.Minutes > 0 {
		args = append(args, "--minutes", strconv.FormatFloat(p.Minutes, 'g', -1, 64))
	}
	for _, probe := range p.Probes {
		args = append(args, "--probe", probe)
	}
	if threads > 0 && p.threads(c) == 0 {
		args = append(args, "--threads", strconv.Itoa(threads))
	}
	for _, s := range append(slices.Clip(p.Set), c.Set...) {
		args = append(args, "--set", s.String())
	}
	return append(args, "--out", out)
}

// given returns the value of a setting that all runs share, from the plan's settings or its config file, or "".
func (p *Plan) given(path string) string {
	for _, s := range p.Set {
		if s.Path == path {
			return s.Value
		}
	}
	values, _ := config.Values([]byte(p.Config), configFile) // what is wrong with it, pretrain says
	for _, v := range values {
		if v.Path == path {
			return v.Text
		}
	}
	return ""
}

// threads returns the number of threads that the plan gives a run, 0 for none.
func (p *Plan) threads(c Cell) int {
	given := p.given("train.threads")
	for _, s := range c.Set {
		if s.Path == "train.threads" {
			given = s.Value
		}
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Differs says in a few words what another plan has otherwise, "" if nothing.
func (p *Plan) Differs(other *Plan) string {
	list := func(names []string) string { return printable.Names(names) }
	settings := func(all []Setting) []string {
		var texts []string
		for _, s := range all {
			texts = append(texts, s.String())
		}
		slices.Sort(texts) // their order changes no run
		return texts
	}
	axes := func(all []Axis) []string {
		var texts []string
		for _, a := range all {
			texts = append(texts, a.Path+"="+strings.Join(a.Values, ","))
		}
		return texts
	}
	seeds := func(all []uint64) string { return strings.Trim(fmt.Sprint(all), "[]") }
	text := func(s string) string {
		if s == "" {
			return "none"
		}
		return printable.Name(printable.Middle(s, 300))
	}
	for _, part := range []struct{ what, a, b string }{
		{"methods", list(p.Methods), list(other.Methods)},
		{"seeds", seeds(p.Seeds), seeds(other.Seeds)},
		{"a grid of", list(axes(p.Grid)), list(axes(other.Grid))},
		{"data", p.Data, other.Data},
		{"probes", list(p.Probes), list(other.Probes)},
		{"preset", p.Preset, other.Preset},
		{"minutes", fmt.Sprint(p.Minutes), fmt.Sprint(other.Minutes)},
		{"settings", list(settings(p.Set)), list(settings(other.Set))},
	} {
		if part.a != part.b {
			return fmt.Sprintf("%s %s instead of %s", part.what, text(part.a), text(part.b))
		}
	}
	if p.Config != other.Config {
		return "another text in the config file"
	}
	return ""
}

// MarshalJSON writes the plan. Paths need not be UTF-8.
func (p *Plan) MarshalJSON() ([]byte, error) {
	type plain Plan
	var probes []filename.Name
	for _, probe := range p.Probes {
		probes = append(probes, filename.Name(probe))
	}
	return json.Marshal(struct {
		*plain
		Data   filename.Name   `json:"data"`
		Probes []filename.Name `json:"probes,omitempty"`
	}{(*plain)(p), filename.Name(p.Data), probes})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Plan) UnmarshalJSON(text []byte) error {
	type plain Plan
	var paths struct {
		Data   filename.Name
		Probes []filename.Name
	}
	err := errors.Join(json.Unmarshal(text, (*plain)(p)), json.Unmarshal(text, &paths))
	p.Data, p.Probes = string(paths.Data), nil
	for _, probe := range paths.Probes {
		p.Probes = append(p.Probes, string(probe))
	}
	return err
}
