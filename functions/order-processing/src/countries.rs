//! Countries: which exist, which the shop can send an invoice to, and at what rate of tax.

/// True for every code of ISO 3166-1 alpha-2.
pub fn exists(code: &str) -> bool {
    code.len() == 2 && ISO_3166.split_ascii_whitespace().any(|known| known == code)
}

/// How a country is taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taxed {
    /// A member of the European Union, at its standard rate in hundredths of a percent.
    Union { rate_basis_points: i64 },
    /// An export: no tax on the invoice.
    Export,
}

/// How an invoice to that country is taxed, `None` where the shop can't send one.
pub fn taxed(code: &str) -> Option<Taxed> {
    if let Some((_, rate_basis_points)) = UNION_RATES.iter().find(|(member, _)| *member == code) {
        return Some(Taxed::Union { rate_basis_points: *rate_basis_points });
    }
    EXPORTS.contains(&code).then_some(Taxed::Export)
}

/// Where the shop sits: its own businesses pay tax as everyone does.
pub const HOME: &str = "DE";

/// The standard rates of the Union's members.
const UNION_RATES: &[(&str, i64)] = &[
    ("AT", 2_000),
    ("BE", 2_100),
    ("BG", 2_000),
    ("CY", 1_900),
    ("CZ", 2_100),
    ("DE", 1_900),
    ("DK", 2_500),
    ("EE", 2_400),
    ("ES", 2_100),
    ("FI", 2_550),
    ("FR", 2_000),
    ("GR", 2_400),
    ("HR", 2_500),
    ("HU", 2_700),
    ("IE", 2_300),
    ("IT", 2_200),
    ("LT", 2_100),
    ("LU", 1_700),
    ("LV", 2_100),
    ("MT", 1_800),
    ("NL", 2_100),
    ("PL", 2_300),
    ("PT", 2_300),
    ("RO", 2_100),
    ("SE", 2_500),
    ("SI", 2_200),
    ("SK", 2_300),
];

/// Countries outside the Union that the shop delivers to.
const EXPORTS: &[&str] = &[
    "AE", "AU", "BH", "BR", "CA", "CH", "CL", "GB", "IN", "IS", "JO", "JP", "KR", "KW", "LI", "MX", "NO",
    "NZ", "OM", "SG", "TN", "TR", "US", "ZA",
];

const ISO_3166: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH \
    ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT \
    HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS \
    LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI \
    NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG \
    SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG \
    UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_exists_or_not() {
        assert!(exists("DE") && exists("KP") && exists("ZW"));
        assert!(!exists("XX") && !exists("de") && !exists("") && !exists("DE ") && !exists("D"));
    }

    #[test]
    fn an_invoice_goes_to_the_union_to_a_customer_abroad_or_nowhere() {
        assert_eq!(taxed("FR"), Some(Taxed::Union { rate_basis_points: 2_000 }));
        assert_eq!(taxed("JP"), Some(Taxed::Export));
        assert_eq!(taxed("KP"), None);
    }

    #[test]
    fn every_country_of_the_lists_exists() {
        assert!(UNION_RATES.iter().all(|(code, _)| exists(code)));
        assert!(EXPORTS.iter().all(|code| exists(code)));
        assert_eq!(ISO_3166.split_ascii_whitespace().count(), 249);
    }
}
