//! Aligned columns without borders, headers in capitals.

use crate::text::{cut, escaped, width};

/// A table; each cell is escaped and cut when it is added.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
    cell_columns_max: usize,
}

impl Table {
    /// With these headers, and cells of at most so many columns.
    pub fn new(headers: &[&str], cell_columns_max: usize) -> Self {
        Self { rows: vec![headers.iter().map(|header| (*header).to_owned()).collect()], cell_columns_max }
    }

    /// Adds a row; what the cells hold is escaped and cut.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cell = |cell: T| cut(&escaped(cell.as_ref()), self.cell_columns_max).into_owned();
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// One line per row, the headers first; no line ends in white space.
    pub fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        self.rows.iter().map(|row| line(row, &widths)).collect()
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, column) in row.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', column.saturating_sub(width(cell)) + 2));
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_what_a_terminal_shows() {
        let mut table = Table::new(&["NAME", "STATUS"], 8);
        table.row(["日本", "RUNNING"]);
        table.row(["a-very-long-name", ""]);
        table.row(["\u{1b}[31m", "x"]);
        assert_eq!(table.lines(), ["NAME      STATUS", "日本      RUNNING", "a-very-…", "\\u{1b}[…  x"]);
    }
}
