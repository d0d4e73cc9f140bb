// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"strings"

	"github.com/parallax-ssl/parallax/lab"
)

// fixed has the commit at which each claim's own rule was last changed: its arms and their settings in the preset, its
// expectations or its effect. A change of words, a new name of a setting and a shared arm are no changes. What all
// rules share has dates of its own, [lab.Versions].
//
// A commit that changes a rule cannot name itself. The next one names it here.
var fixed = []struct {
	lab.Fixed
	claims string
}{
	{lab.FixedAt("2026-11-22 22:49", "4eb180c"), "SIM-02 SIM-03 SIM-05 SIM-06 SIM-07 SIM-08 SIM-10 SIM-11 SIM-15 " +
		"BYO-02 BYO-03 BYO-08 BYO-10 BYG-01 BYG-03 VIW-01"},
	{lab.FixedAt("2026-11-22 23:01", "8928898"), "BYO-01"}, // collapse must show at its length
	{lab.FixedAt("2026-11-22 23:03", "e804bae"), "AU-01 BAR-01 CAP-01 CLR-01 CLR-02 CLR-03 CLR-04 CLR-05 CLR-06 " +
		"DBN-02 DCL-01 DIN-01 DIN-03 DIN-04 DIN-05 JNG-03 JNG-04 MOC-01 MOC-02 MOC-04 MOC-05 MOC-06 NNC-01 " +
		"RSL-01 RSL-02 SCN-01 SCN-04 TMP-01 VIC-01 VIC-02 VIC-03 VIC-04 VIC-05 VIC-13 WMS-01 WMS-03 WMS-04 WMS-05"},
	{lab.FixedAt("2026-11-22 23:06", "8cde106"), "BYG-02"}, // a rate that networks without normalisation tolerate
	{lab.FixedAt("2026-11-23 01:50", "f2ce579"), "AU-02 BAR-02 BAR-04 BAR-06 BYO-04 BYO-06 CAP-02 DPR-01 DPR-02 " +
		"DPR-03 DPR-04 JNG-01 JNG-02 RKM-01 SIM-09 VIC-07"},
	{lab.FixedAt("2026-11-23 01:57", "e2f7dce"), "VIC-06"},
	{lab.FixedAt("2026-11-23 03:42", "9672380"), "SWA-01 SWA-02 SWA-04 STB-01"}, // SwAV's epsilon
	{lab.FixedAt("2026-11-23 04:23", "5dfcac9"), "ARQ-01 BYO-05 DIN-06 SCN-03 SUP-01 SWA-03 VIC-08 ZHG-01 ZHG-02"},
	{lab.FixedAt("2026-11-23 04:27", "f3683a9"), "DIN-02"},        // the size of its effect
	{lab.FixedAt("2026-11-23 05:53", "746b40b"), "PAW-01 PAW-02"}, // PAWS's optimiser
	{lab.FixedAt("2026-11-26 21:40", "482e20b"), "DPR-08"},
	{lab.FixedAt("2026-11-26 21:43", "043848e"), "DPR-09"},
	{lab.FixedAt("2026-11-26 21:57", "d95fc30"), "BAR-03"},
	{lab.FixedAt("2026-11-26 21:58", "ce50c8d"), "BYO-07 DPR-05 DPR-06 DPR-07 DPR-10 DPR-11"},
	{lab.FixedAt("2026-11-26 22:08", "ca0888b"), "SIM-12"},
	{lab.FixedAt("2026-11-26 22:08", "90ef9d7"), "VIC-12"},
	{lab.FixedAt("2026-11-26 22:09", "b937313"), "LID-01"},
	{lab.FixedAt("2026-11-26 22:12", "55429a4"), "STP-01"},
	{lab.FixedAt("2026-11-26 22:23", "7f88070"), "SWA-05"},
	{lab.FixedAt("2026-11-26 22:29", "c99fbfc"), "MOC-03"},
	{lab.FixedAt("2026-11-26 22:30", "3267a52"), "DBN-01 DBN-03"},
	{lab.FixedAt("2026-11-26 22:31", "d265da0"), "SIM-14"},
	{lab.FixedAt("2026-11-26 22:31", "fd67533"), "BAR-05 BAR-07 DIN-07 SIM-04 VIC-09 VIC-10 VIC-11"},
	{lab.FixedAt("2026-11-26 22:31", "c4c4954"), "SIM-13 WMS-02 JNG-05 MO3-01 SCN-02 MSN-01 MSN-02 CAP-03 CLD-01"},
	{lab.FixedAt("2026-11-29 11:18", "909dda3"), "SIM-01 BYO-09"}, // the deviations that they are about
}

// dated gives the experiments the dates of their rules.
func dated(all []lab.Experiment) []lab.Experiment {
	of := map[string]lab.Fixed{}
	for _, f := range fixed {
		for _, id := range strings.Fields(f.claims) {
			of[id] = f.Fixed
		}
	}
	for i, e := range all {
		all[i].Fixed = of[e.ID]
	}
	return all
}
