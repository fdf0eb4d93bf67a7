//! Reads long lists page by page.

use std::future::Future;

use crate::control::Backend;
use crate::control::error::ApiError;
use crate::control::noun::List;
use crate::control::noun::MAX_LIMIT;
use crate::control::noun::approval::ApprovalFilter;
use crate::control::noun::session::SessionFilter;
use crate::control::noun::session::SessionView;
use crate::domain::approval::Approval;

/// Returns all approvals that match a filter, newest first. Its `before` and `limit` are ignored.
///
/// # Errors
/// The gateway's error for the first page that fails.
pub async fn approvals(backend: &dyn Backend, filter: &ApprovalFilter) -> Result<Vec<Approval>, ApiError> {
    let page =
        |before| backend.approvals(ApprovalFilter { before, limit: Some(MAX_LIMIT), ..filter.clone() });
    all(page, |approval| approval.id).await
}

/// Returns all sessions that match a filter, newest first. Its `before` and `limit` are ignored.
///
/// # Errors
/// The gateway's error for the first page that fails.
pub async fn sessions(backend: &dyn Backend, filter: &SessionFilter) -> Result<Vec<SessionView>, ApiError> {
    let page = |before| backend.sessions(SessionFilter { before, limit: Some(MAX_LIMIT), ..filter.clone() });
    all(page, |session| session.id).await
}

/// Returns all items of a list whose pages begin below a key. Also stops if a page does not advance.
async fn all<T, K, F>(mut page: impl FnMut(Option<K>) -> F, key: impl Fn(&T) -> K) -> Result<Vec<T>, ApiError>
where
    K: Ord + Copy,
    F: Future<Output = Result<List<T>, ApiError>>,
{
    let (mut items, mut before) = (Vec::new(), None);
    loop {
        let found = page(before).await?;
        let last = found.items.last().map(&key).filter(|last| before.is_none_or(|before| *last < before));
        items.extend(found.items);
        match last {
            Some(last) if found.more => before = Some(last),
            _ => return Ok(items),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::ErrorCode;

    async fn read(pages: &[(&[u32], bool)]) -> (Vec<u32>, Vec<Option<u32>>) {
        let (mut asked, mut left) = (Vec::new(), pages.iter());
        let page = |before| {
            asked.push(before);
            let (items, more) = left.next().expect("no page after the last");
            std::future::ready(Ok(List { items: items.to_vec(), more: *more }))
        };
        let found = all(page, |number: &u32| *number).await.unwrap();
        (found, asked)
    }

    #[tokio::test]
    async fn each_page_begins_below_the_one_before() {
        for (pages, found, asked) in [
            (&[(&[][..], false)][..], vec![], vec![None]),
            (&[(&[9, 8], false)], vec![9, 8], vec![None]),
            (&[(&[9, 8], true), (&[7], false)], vec![9, 8, 7], vec![None, Some(8)]),
            (&[(&[9], true), (&[7], true), (&[2], false)], vec![9, 7, 2], vec![None, Some(9), Some(7)]),
        ] {
            assert_eq!(read(pages).await, (found, asked), "{pages:?}");
        }
    }

    #[tokio::test]
    async fn a_gateway_that_always_says_more_is_not_asked_for_ever() {
        for (pages, found) in [
            (&[(&[][..], true)][..], vec![]),
            (&[(&[9, 8], true), (&[], true)], vec![9, 8]),
            (&[(&[9, 8], true), (&[9, 8], true)], vec![9, 8, 9, 8]),
            (&[(&[9, 8], true), (&[12], true)], vec![9, 8, 12]),
        ] {
            assert_eq!(read(pages).await.0, found, "{pages:?}");
        }
    }

    #[tokio::test]
    async fn a_page_that_fails_is_the_answer() {
        let mut asked = 0;
        let page = |_| {
            asked += 1;
            let found = if asked == 1 {
                Ok(List { items: vec![9_u32], more: true })
            } else {
                Err(ApiError::new(ErrorCode::Unavailable, "it stops"))
            };
            std::future::ready(found)
        };
        assert_eq!(all(page, |number| *number).await.unwrap_err().message, "it stops");
    }
}
