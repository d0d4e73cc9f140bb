// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// place reports whether the value of a path says where the images are. A resume may change it for the same images.
func place(path string) bool { return path == "data.path" || path == "data.split" }

// Record returns the values on which the weights of a run depend, by path, written as in the file, with the format of
// the paths. A checkpoint holds them, so that a resume sees an edit of config.yaml. The record leaves out what a resume
// may change; see [Refused].
func Record(c *Config) (map[string]string, error) {
	root, err := tree(c)
	if err != nil {
		return nil, err
	}
	record := map[string]string{formatKey: strconv.Itoa(keys.format)}
	for _, v := range root.flat() {
		if !c.free(v.Path) && !place(v.Path) {
			record[v.Path] = v.Old
		}
	}
	return record, nil
}

// RefusedSince lists the changes from a record to the config of a resumed run, in the order of the file. Each must be
// refused. A path that the record's format lacked is no change, nor is a learning rate that the run itself has halved.
func RefusedSince(record map[string]string, l *Layered) ([]Change, error) {
	now, err := Record(l.Config)
	if err != nil {
		return nil, err
	}
	format, err := strconv.Atoi(record[formatKey])
	if err != nil {
		return nil, err
	}
	was := map[string]string{}
	for path, value := range record {
		path, value = present(l.Method.Name, path, value)
		was[path] = value
	}
	for _, m := range []map[string]string{was, now} {
		delete(m, formatKey)
	}
	root, err := tree(l.Config)
	if err != nil {
		return nil, err
	}
	shared := cmp.Or(was[processesPath], "1") != now[processesPath]
	var changes []Change
	for _, v := range root.flat() {
		value, ok := now[v.Path]
		if !ok || shared && byProcesses(v.Path) {
			delete(was, v.Path)
			continue
		}
		old, recorded := was[v.Path]
		delete(was, v.Path)
		switch _, added := older(v.Path, format); {
		case recorded && old == value, !recorded && added, l.halved(v.Path, old, value):
		default:
			changes = append(changes, Change{v.Path, old, value})
		}
	}
	for _, path := range slices.Sorted(maps.Keys(was)) {
		changes = append(changes, Change{path, was[path], ""})
	}
	return changes, nil
}

// present returns the present name of a path and a value of an earlier format.
func present(method, path, value string) (string, string) {
	for _, a := range keys.aliases {
		rest, ok := strings.CutPrefix(path, a.old)
		if ok && (rest == "" || rest[0] == '.') && a.of(method) && a.old != a.new {
			return a.new + rest, a.value(value)
		}
	}
	return path, value
}

// halved reports whether a learning rate of the record is one that the run has halved since: HalveRate's source says
// so, and the rates differ by a power of two.
func (l *Layered) halved(path, old, now string) bool {
	said := strings.Contains(l.Sources["optim.rate"]+l.Sources["optim.base_rate"], ", halved")
	if !said || !slices.Contains(halvedRates, path) {
		return false
	}
	was, err := strconv.ParseFloat(old, 64)
	if err != nil {
		return false
	}
	is, err := strconv.ParseFloat(now, 64)
	times := math.Log2(was / is)
	return err == nil && times > 0 && times == math.Trunc(times)
}
