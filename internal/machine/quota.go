// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A cgroup's quota is time on the cores in each period. Every group on the way to the root has one, and the least
// counts. Which groups those are, /proc/self/cgroup says, and where they are mounted, /proc/self/mountinfo: in a
// container the mount may begin at the container's own group.
// https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files and
// https://docs.kernel.org/scheduler/sched-bwc.html

// quotas returns the quotas of this process's cgroup and of those around it, as far as they can be seen.
func (s system) quotas() (all []CoreLimit) {
	groups, err := fs.ReadFile(s.files, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	table, err := fs.ReadFile(s.files, "proc/self/mountinfo")
	if err != nil {
		return nil
	}
	v1, v2 := cpuGroups(string(groups))
	for line := range strings.Lines(string(table)) {
		m, ok := parseMount(line)
		switch {
		case !ok:
		case m.kind == "cgroup2" && v2 != "":
			all = append(all, s.climb(m, v2, s.quotaV2)...)
		case m.kind == "cgroup" && v1 != "" && slices.Contains(strings.Split(m.options, ","), "cpu"):
			all = append(all, s.climb(m, v1, s.quotaV1)...)
		}
	}
	return all
}

// climb reads the quota of a group and of each group around it, up to the mount's root. A group whose folder is not
// there is passed over.
func (s system) climb(m mount, group string, read func(dir string) (CoreLimit, bool)) (all []CoreLimit) {
	below := ""
	if rest, ok := strings.CutPrefix(group+"/", strings.TrimSuffix(m.root, "/")+"/"); ok {
		below = rest
	}
	for dir := path.Join(m.point, below); ; dir = path.Dir(dir) {
		if l, ok := read(dir); ok {
			all = append(all, l)
		}
		if dir == m.point || dir == "/" {
			return all
		}
	}
}

// quotaV2 reads "MAX PERIOD" in microseconds; MAX may be the word max.
func (s system) quotaV2(dir string) (CoreLimit, bool) {
	file := path.Join(dir, "cpu.max")
	text := s.line(file)
	most, period, _ := strings.Cut(text, " ")
	if period == "" {
		period = "100000" // the kernel's own
	}
	cores, ok := share(most, period)
	return CoreLimit{cores, quota, file + ": " + text}, ok
}

// quotaV1 reads two files in microseconds; a quota of -1 is none.
func (s system) quotaV1(dir string) (CoreLimit, bool) {
	file := path.Join(dir, "cpu.cfs_quota_us")
	most, period := s.line(file), s.line(path.Join(dir, "cpu.cfs_period_us"))
	cores, ok := share(most, period)
	return CoreLimit{cores, quota, file + ": " + most + " of " + period}, ok
}

// share is the quotient of a quota and its period.
func share(most, period string) (cores float64, ok bool) {
	m, err := strconv.ParseUint(most, 10, 53)
	p, err2 := strconv.ParseUint(period, 10, 53)
	if err != nil || err2 != nil || m == 0 || p == 0 {
		return 0, false
	}
	return float64(m) / float64(p), true
}

// line returns what a file of one line holds, "" if it cannot be read.
func (s system) line(file string) string {
	text, err := fs.ReadFile(s.files, strings.TrimPrefix(file, "/"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// cpuGroups finds this process's groups in /proc/self/cgroup: that with the controller cpu of v1 ("4:cpu,cpuacct:/a"),
// and that of v2 ("0::/a"). A process outside of its cgroup namespace's root has a path with "..", which leads out of
// what is mounted: then only the mount's root is left to read.
func cpuGroups(text string) (v1, v2 string) {
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) < 3 || !strings.HasPrefix(parts[2], "/") {
			continue
		}
		group := path.Clean(parts[2])
		switch {
		case parts[0] == "0" && parts[1] == "":
			v2 = group
		case slices.Contains(strings.Split(parts[1], ","), "cpu"):
			v1 = group
		}
	}
	return v1, v2
}

// mount is a line of /proc/self/mountinfo.
type mount struct{ root, point, kind, options string }

// parseMount reads "36 35 98:0 ROOT POINT options tags... - KIND source SUPEROPTIONS" (man 5 proc_pid_mountinfo).
func parseMount(line string) (mount, bool) {
	before, after, ok := strings.Cut(line, " - ")
	own, file := strings.Fields(before), strings.Fields(after)
	if !ok || len(own) < 6 || len(file) < 3 {
		return mount{}, false
	}
	m := mount{path.Clean(unescape(own[3])), path.Clean(unescape(own[4])), file[0], file[2]}
	return m, strings.HasPrefix(m.root, "/") && strings.HasPrefix(m.point, "/")
}

// unescape undoes the kernel's octal escapes of space, tab, line feed and backslash.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace
