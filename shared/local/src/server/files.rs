//! Buckets as folders, by s3s-fs, with what that lacks.

use http::{Extensions, HeaderMap, Method, Uri};
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use std::pin::Pin;

/// [`FileSystem`], which says of an object in a missing bucket that the object is missing, makes the bucket of an object that
/// is put, reads objects whatever their ETag is, lists them without ETags, and says that their keys are encoded where they
/// are not.
///
/// What stays: a key is a path. So `a//b` is `a/b`, `a` and `a/b` can't both be there, and what ends with `/` is a folder,
/// which no listing shows.
#[derive(Debug)]
pub(super) struct Files(pub(super) FileSystem);

type Answer<'a, T> = Pin<Box<dyn Future<Output = S3Result<S3Response<T>>> + Send + 'a>>;

/// The operations that are the same.
macro_rules! as_files_do {
    ($($operation:ident: $input:ident -> $output:ident),+ $(,)?) => {
        $(fn $operation<'a, 'b>(&'a self, request: S3Request<$input>) -> Answer<'b, $output>
        where
            'a: 'b,
            Self: 'b,
        {
            self.0.$operation(request)
        })+
    };
}

impl S3 for Files {
    fn get_object<'a, 'b>(&'a self, request: S3Request<GetObjectInput>) -> Answer<'b, GetObjectOutput>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let input = &request.input;
            let there = self.head(&input.bucket, &input.key).await?;
            if let (Some(ETagCondition::ETag(wanted)), Some(there)) = (&input.if_match, &there.e_tag)
                && !there.strong_cmp(wanted)
            {
                return Err(s3_error!(
                    PreconditionFailed,
                    "At least one of the pre-conditions you specified did not hold"
                ));
            }
            self.0.get_object(request).await
        })
    }

    fn put_object<'a, 'b>(&'a self, request: S3Request<PutObjectInput>) -> Answer<'b, PutObjectOutput>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let bucket =
                HeadBucketInput { bucket: request.input.bucket.clone(), ..HeadBucketInput::default() };
            self.0.head_bucket(asking(bucket)).await?;
            self.0.put_object(request).await
        })
    }

    fn list_objects_v2<'a, 'b>(
        &'a self,
        mut request: S3Request<ListObjectsV2Input>,
    ) -> Answer<'b, ListObjectsV2Output>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            request.input.encoding_type = None;
            let bucket = request.input.bucket.clone();
            let mut answer = self.0.list_objects_v2(request).await?;
            for object in answer.output.contents.iter_mut().flatten() {
                // One that has gone meanwhile is shown as it was.
                if let Some(key) = &object.key
                    && let Ok(there) = self.head(&bucket, key).await
                {
                    object.e_tag = there.e_tag;
                }
                object.storage_class = Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD));
            }
            Ok(answer)
        })
    }

    as_files_do! {
        abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput,
        complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput,
        copy_object: CopyObjectInput -> CopyObjectOutput,
        create_bucket: CreateBucketInput -> CreateBucketOutput,
        create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput,
        delete_bucket: DeleteBucketInput -> DeleteBucketOutput,
        delete_object: DeleteObjectInput -> DeleteObjectOutput,
        delete_objects: DeleteObjectsInput -> DeleteObjectsOutput,
        get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput,
        head_bucket: HeadBucketInput -> HeadBucketOutput,
        head_object: HeadObjectInput -> HeadObjectOutput,
        list_buckets: ListBucketsInput -> ListBucketsOutput,
        list_objects: ListObjectsInput -> ListObjectsOutput,
        list_parts: ListPartsInput -> ListPartsOutput,
        upload_part: UploadPartInput -> UploadPartOutput,
        upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput,
    }
}

impl Files {
    /// What is known of an object; it tells a missing bucket from a missing object.
    async fn head(&self, bucket: &str, key: &str) -> S3Result<HeadObjectOutput> {
        let input =
            HeadObjectInput { bucket: bucket.to_owned(), key: key.to_owned(), ..HeadObjectInput::default() };
        Ok(self.0.head_object(asking(input)).await?.output)
    }
}

fn asking<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: Method::HEAD,
        uri: Uri::default(),
        headers: HeaderMap::new(),
        extensions: Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}
